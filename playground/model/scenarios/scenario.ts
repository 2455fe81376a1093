/** Helpers that write a scenario in a few lines. */
import { presets } from '../../network/presets.ts';
import { change } from '../../network/settings.ts';
import type { Patch } from '../../network/settings.ts';
import { usual } from '../configuration.ts';
import type { Aim, Configuration, Measures, OptionValues, PolicyName, Rival, Scenario, Stack, Step } from '../types.ts';

export type Layer = readonly [policy: PolicyName, options?: OptionValues];

/** A step as it is written: what it does not name stays as in the step before. */
export interface Draft extends Pick<Step, 'title' | 'watch' | 'act' | 'goal'> {
  readonly text: readonly string[];
  readonly layers: readonly Layer[];
  readonly rivals?: readonly Rival[];
  readonly preset?: string;
  readonly rate?: number;
  readonly settings?: Patch;
  /** Every first step starts with a reset as well. */
  readonly reset?: boolean;
}

export function scenario(about: Omit<Scenario, 'steps'>, drafts: readonly Draft[]): Scenario {
  let configuration: Configuration = usual;
  const steps = drafts.map(
    ({ title, watch, act, goal, text, layers, rivals, preset, rate, settings, reset }, i): Step => {
      const base = preset === undefined ? configuration.settings : presets[preset]!.settings;
      configuration = {
        preset: preset ?? configuration.preset,
        settings: change(base, settings ?? {}),
        rate: rate ?? configuration.rate,
        stack: stackOf(layers),
        ...(rivals && { rivals }),
      };
      const isFirst = i === 0;
      const toReach = goal && { goal, act: act ?? ('layers' as const) };
      const words = text.join(' ');
      return { title, watch, text: words, configuration, reset: reset ?? isFirst, ...(act && { act }), ...toReach };
    },
  );
  return { ...about, steps };
}

/** The id of a layer is the same in every step, so that a layer that does not change keeps its state. */
export function stackOf(layers: readonly Layer[]): Stack {
  return layers.map(([policy, options = {}], at) => {
    return { id: policy === 'timeout' && at > 0 ? 'attempt' : policy, policy, on: true, options };
  });
}

export const total: Layer = ['timeout', { total: 5_000 }];

/** The fewest calls that a figure of a goal is read from: with fewer, a tail could be missing by chance. */
const enough = (rate: number): number => Math.max(100, rate * 4);

/** A part of the run in which an aim has to be reached. */
interface Phase {
  readonly title: string;
  readonly isNow: (configuration: Configuration) => boolean;
}

export const outage: Phase = { title: ' during the outage', isNow: ({ settings }) => settings.outage };
export const recovery: Phase = { title: ' after it', isNow: ({ settings }) => !settings.outage };

/** A part of a goal that a figure of the onion reaches. */
function aim(
  title: string,
  phase: Phase | undefined,
  read: (measures: Measures) => readonly [value: string, isReached: boolean],
): Aim {
  return {
    title: title + (phase?.title ?? ''),
    isLasting: phase !== undefined,
    read(session) {
      const measures = session.measures('kyoa');
      const [value, isGood] = read(measures);
      const { rate } = session.configuration;
      if (!isGood || !(phase?.isNow(session.configuration) ?? true)) return { value, isReached: false };
      const [needed, missing] = [enough(rate), Math.max(0, enough(rate) - measures.calls)];
      const holding = { total: (needed / rate) * 1_000, left: (missing / rate) * 1_000 };
      return { value, isReached: missing === 0, holding };
    },
  };
}

/** At least this share of the calls gets a good response. */
export function success(least: number, phase?: Phase): Aim {
  const title = `At least ${shown(least)} of the calls get a good response`;
  return aim(title, phase, ({ success = 0 }) => [shown(success), success >= least]);
}

/** At most this number of requests per call. */
export function requests(most: number, phase?: Phase): Aim {
  const title = `At most ${most.toFixed(2)} requests per call`;
  return aim(title, phase, ({ upstream = 0 }) => [upstream.toFixed(2), upstream <= most]);
}

/** p99 below this time, in ms. */
export function p99(below: number): Aim {
  return aim(`p99 below ${below} ms`, undefined, ({ p99 = Infinity }) => {
    const shown = p99 < 999.5 ? `${Math.round(p99)} ms` : `${(p99 / 1_000).toFixed(2)} s`;
    return [p99 === Infinity ? 'above 5 s' : shown, p99 < below];
  });
}

/** No call is lost: it gets a good response or a substitute. */
export function none(phase?: Phase): Aim {
  return aim('No call is lost', phase, ({ calls, lost, waiting, substitutes }) => {
    const shown = `${lost + waiting} lost, ${substitutes} substitutes`;
    return [shown, calls > 0 && lost + waiting === 0];
  });
}

/** Rounded down, so that 100 % means all calls. */
function shown(share: number): string {
  return `${Math.floor(share * 1_000 + 1e-9) / 10} %`;
}
