/** What an element shows: the weather, the calls, the two lanes, their figures and the sliders. */
import type { Middleware } from 'kyoa';
import type {
  CallRecord,
  Measures,
  OptionValues,
  Patch,
  Payment,
  PolicyName,
  SettingField,
  Stack,
} from '../model/types.ts';
import type { Fetch } from '../network/simulated-fetch.ts';
import type { Fate } from '../page/glyphs.ts';

export interface Exhibit {
  /** The name of the policy, as in code. */
  readonly title: string;
  /** What happens, and what to look at. */
  readonly about: string;
  /** The faults, over a network without any. */
  readonly weather: Patch;
  /** Calls a second, or bursts a second. */
  readonly rate: number;
  /** The request of the n-th call, from 0. @default a GET with an id of its own */
  readonly ask?: (n: number, values: Values) => Ask;
  /** How many calls are made at once. @default 1 */
  readonly burst?: (values: Values) => number;
  /** A fault that comes and goes. */
  readonly spell?: Spell;
  /** The lane without the policy. An exhibit that shows lines has none. */
  readonly without?: Plan;
  readonly with: Plan;
  readonly knobs: readonly Knob[];
  readonly figures: readonly Figure[];
  readonly legend: readonly Fate[];
}

/** The policies of a lane. */
export interface Plan {
  /** Layers as in the playground, outermost first. */
  readonly stack?: Stack;
  /** Policies that the playground does not offer. `say` adds a line below the picture. */
  readonly outer?: (values: Values, say: Say) => readonly Middleware[];
  readonly inner?: (values: Values, say: Say) => readonly Middleware[];
  /** A part of the network that the settings do not have, made once for each lane. */
  readonly transport?: (fetch: Fetch, values: () => Values, say: Say) => Fetch;
  /** A text below the picture that is read again and again, instead of lines. */
  readonly text?: () => string;
}

export type Say = (line: string) => void;

export interface Ask {
  /** The path within the API, with its query. */
  readonly path: string;
  readonly init?: RequestInit & { readonly requestId?: string };
}

export interface Spell {
  readonly name: string;
  readonly settings: Patch;
  /** ms without the fault, and then with it. */
  readonly calm: number;
  readonly lasts: number;
}

/** Values of the sliders that are neither a setting nor an option, by name. */
export type Values = Readonly<Record<string, number>>;

export interface Knob extends Pick<SettingField, 'label' | 'help' | 'unit' | 'min' | 'max' | 'step' | 'scale'> {
  readonly initial: number;
  readonly target:
    | { readonly setting: string }
    | { readonly layer: PolicyName; readonly option: string }
    | { readonly value: string };
}

export interface Figure {
  readonly title: string;
  readonly read: (lane: LaneView) => string;
}

/** What a figure may read of a lane. */
export interface LaneView {
  readonly name: 'plain' | 'kyoa';
  readonly now: number;
  /** Over the last 10 s. */
  readonly measures: () => Measures;
  /** The last calls that ended within the last 10 s. */
  readonly ended: () => readonly CallRecord[];
  readonly running: () => readonly CallRecord[];
  /** The most requests that the network had at once, within the last 10 s. */
  readonly mostAtOnce: () => number;
  /** Requests that the network has received, in all. */
  readonly requests: () => number;
  /** Bytes of the bodies that the callers have read, in all. */
  readonly bytes: () => number;
  readonly payments: () => readonly Payment[];
}

/** A layer of a stack that has each policy once. */
export function layer(policy: PolicyName, options: OptionValues = {}): Stack[number] {
  return { id: policy, policy, on: true, options };
}
