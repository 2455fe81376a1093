/** What an exhibit does without its picture: the network, the lanes, the calls, the faults that come and go. */
import { memory } from 'kyoa';
import { writeLink } from '../model/link.ts';
import { createTraffic } from '../model/traffic.ts';
import type { OptionValue, Settings, Stack } from '../model/types.ts';
import { presets } from '../network/presets.ts';
import { change } from '../network/settings.ts';
import { simulatedNetwork } from '../network/simulated-network.ts';
import { settingPatch } from '../network/setting-path.ts';
import type { Exhibit, Knob, Say, Values } from './exhibit.ts';
import { openLane } from './lane.ts';
import type { ExhibitLane } from './lane.ts';
import { createSpells } from './spells.ts';
import type { Band } from './spells.ts';

export interface Simulation {
  /** Without the policy, and with it; or only with it. */
  readonly lanes: readonly ExhibitLane[];
  /** When the fault of the exhibit lasted. */
  readonly bands: () => readonly Band[];
  readonly start: () => void;
  /** Makes no more calls. Calls that have started are still completed. */
  readonly stop: () => void;
  /** Moves a slider. */
  readonly set: (knob: Knob, value: number) => void;
  /** The hash of the playground's address with the same network and the same layers. */
  readonly link: () => string;
  /** Ends every timer and every call. */
  readonly close: () => void;
}

export function openSimulation(exhibit: Exhibit, say: Say): Simulation {
  const state = createState(exhibit);
  const network = simulatedNetwork({ settings: state.settings(), storage: memory() });
  const plans = exhibit.without ? [exhibit.without, exhibit.with] : [exhibit.with];
  const lanes = plans.map((plan, i) =>
    openLane(plans.length === 2 && i === 0 ? 'plain' : 'kyoa', plan, network, state.values, say),
  );
  const spells = exhibit.spell && createSpells(exhibit.spell, () => performance.now(), changeNetwork);
  const traffic = createTraffic(exhibit.rate, call);
  let next = 0;
  build();

  function build(): void {
    lanes.forEach((lane, i) => lane.use(state.stack(plans[i]!.stack ?? [])));
  }

  function changeNetwork(isBad: boolean): void {
    // A seed would restart the sequences of fates.
    const { seed: _, ...settings } = isBad ? change(state.settings(), exhibit.spell!.settings) : state.settings();
    void network.change(settings); // they are valid
  }

  function call(): void {
    for (let copies = exhibit.burst?.(state.values()) ?? 1; copies > 0; copies -= 1) {
      const ask = exhibit.ask?.(next, state.values()) ?? { path: `items?id=${next}` };
      for (const lane of lanes) lane.send(ask);
      next += 1;
    }
  }

  return {
    lanes,
    bands: () => spells?.bands ?? [],
    start() {
      traffic.start();
      spells?.start();
    },
    stop() {
      traffic.stop();
      spells?.stop();
    },
    set(knob, value) {
      state.set(knob, value);
      if ('setting' in knob.target) changeNetwork(spells?.lasts ?? false);
      else build();
    },
    link: () =>
      writeLink({
        preset: 'steady',
        settings: state.settings(),
        rate: Math.ceil(exhibit.rate),
        stack: state.stack(exhibit.with.stack ?? []),
      }),
    close() {
      this.stop();
      for (const lane of lanes) lane.close();
      void network.close(); // the memory of this page
    },
  };
}

interface State {
  readonly set: (knob: Knob, value: number) => void;
  readonly settings: () => Settings;
  readonly values: () => Values;
  readonly stack: (stack: Stack) => Stack;
}

/** The values of all sliders, and what follows from them. */
function createState({ knobs, weather }: Exhibit): State {
  const current = new Map(knobs.map((knob) => [knob, knob.initial]));
  const calm = change(presets['steady']!.settings, weather);

  return {
    set: (knob, value) => void current.set(knob, value),
    settings: () =>
      [...current].reduce(
        (settings, [{ target }, value]) =>
          'setting' in target ? change(settings, settingPatch(target.setting, value)) : settings,
        calm,
      ),
    values: () =>
      Object.fromEntries(
        [...current].flatMap(([{ target }, value]) => ('value' in target ? [[target.value, value]] : [])),
      ),
    stack: (stack) =>
      stack.map((entry) => {
        const own = [...current].flatMap(([{ target }, value]): [string, OptionValue][] =>
          'layer' in target && target.layer === entry.policy ? [[target.option, value]] : [],
        );
        return { ...entry, options: { ...entry.options, ...Object.fromEntries(own) } };
      }),
  };
}
