/**
 * All that stands between the model and the page. The page reads these and calls these, nothing else: what changes
 * seldom it is told by `subscribe`, what changes with every call it reads when it draws.
 *
 *   import { openSession } from './session.ts';        (options?: SessionOptions) => Promise<Session>
 *   import { presets } from '../network/presets.ts';          names and abouts of the weathers
 *   import { settingFields } from '../network/fields.ts';      sliders and switches of the weather
 *   import { catalogue } from './catalogue.ts';        readonly PolicyDescriptor[], in their usual order
 *   import { scenarios } from './scenarios.ts';        readonly Scenario[]
 *   import { generate } from './code.ts';              (stack, form: CodeForm) => string
 *   import { readLink, writeLink } from './link.ts';   (hash) => Link; (configuration) => hash
 *   import { openRecords } from './records.ts';        () => Records
 *
 * Durations are ms and shares are 0..1, unless a unit says otherwise. Times are ms on the session's clock, which begins
 * at 0 with every `reset`.
 */
import type { Unit } from '../network/fields.ts';
import type { Payment } from '../network/ledger.ts';
import type { Region } from '../network/regions.ts';
import type { Patch, Settings } from '../network/settings.ts';

// The weather: what the network does to requests -----------------------------------------------------------------

export type { SettingField, Unit } from '../network/fields.ts';
export type { Payment } from '../network/ledger.ts';
export type { Preset } from '../network/presets.ts';
export type { Region } from '../network/regions.ts';
export type { Patch, RegionWeather, Settings } from '../network/settings.ts';

// The stack: what stands between the caller and the network ------------------------------------------------------

export type PolicyName =
  | 'timeout'
  | 'latest'
  | 'dedupe'
  | 'idempotency'
  | 'fallback'
  | 'staleIfError'
  | 'retry'
  | 'hedge'
  | 'breaker'
  | 'limit'
  | 'endpoints'
  | 'race';

/** Numbers are in the option's unit; a list is one of statuses or methods. */
export type OptionValue = number | boolean | string | readonly number[] | readonly string[];

/** By the option's name, such as `retries` or `budget.ratio`; one that is absent has its default. */
export type OptionValues = Readonly<Record<string, OptionValue>>;

/** One layer of the onion. */
export interface PolicyEntry {
  /** Its own within the stack, and stays with it through moves and edits; `timeout` may stand twice. */
  readonly id: string;
  readonly policy: PolicyName;
  readonly on: boolean;
  readonly options: OptionValues;
}

/** Outermost first. */
export type Stack = readonly PolicyEntry[];

export interface OptionDescriptor {
  readonly name: string;
  readonly label: string;
  /** `numbers` and `words` are lists; `number` that is `optional` may be left empty. */
  readonly kind: 'number' | 'switch' | 'choice' | 'numbers' | 'words' | 'text';
  readonly unit: Unit;
  /** For the slider or the field's arrows; what is allowed, kyoa says itself. */
  readonly min?: number;
  readonly max?: number;
  readonly step?: number;
  readonly choices?: readonly string[];
  /** kyoa's own; undefined: none, as of a limit that does not apply. */
  readonly default: OptionValue | undefined;
  readonly help: string;
  /** Has a meaning only while another option of the same policy has one of these values. */
  readonly only?: { readonly option: string; readonly is: readonly OptionValue[] };
}

export interface PolicyDescriptor {
  readonly name: PolicyName;
  readonly title: string;
  /** What it does, in one sentence. */
  readonly about: string;
  /** Where it usually stands, in one sentence. */
  readonly place: string;
  readonly options: readonly OptionDescriptor[];
  /** What an entry that is newly added begins with, as kyoa's default alone would do nothing (timeout, limit, ...). */
  readonly initial: OptionValues;
  /** How often it may stand in a stack: 2 for timeout, else 1. */
  readonly most: number;
}

/** Why a stack cannot be built: kyoa's own words. The one before it goes on running. */
export interface Problem {
  readonly entry: string;
  /** The option whose value is at fault; undefined when several are at odds. */
  readonly option?: string;
  readonly message: string;
}

// A configuration, its link, its code ----------------------------------------------------------------------------

export interface Configuration {
  /** The preset that the settings began as, by name. */
  readonly preset: string;
  readonly settings: Settings;
  /** Calls a second, for plain fetch and kyoa each. */
  readonly rate: number;
  readonly stack: Stack;
}

export interface Link {
  /** What could be read, the rest as it is by default; `settings` is undefined when the link says nothing of the weather. */
  readonly configuration: Configuration;
  /** Whether it says anything of the weather; if not, a server's own is kept. */
  readonly hasWeather: boolean;
  /** One sentence for each part that could not be read; empty when all is well. */
  readonly complaints: readonly string[];
}

export type CodeForm = 'module' | 'script tag';

// What happens ----------------------------------------------------------------------------------------------------

export type LaneName = 'plain' | 'kyoa';

/** How a call, or what is left of it, stands. `late`: its caller's patience (5 s, both lanes) ran out. */
export type CallOutcome = 'running' | 'answered' | 'bad answer' | 'broken' | 'timed out' | 'late' | 'rejected';

/** What one layer has seen since the reset; the traffic it adds or spares is `beneath - entered`. */
export interface LayerCounts {
  /** The entry's id; `network` for what is beneath all of them. */
  readonly entry: string;
  readonly entered: number;
  /** Came back outwards with a good answer (2xx or 3xx). */
  readonly answered: number;
  /** Came back with another answer, or an error. */
  readonly failed: number;
  /** Inside at this moment. */
  readonly inside: number;
  /** Entered what stands beneath; for `network`, requests sent. */
  readonly beneath: number;
}

export interface AttemptRecord {
  /** 1-based, in the order in which they were sent. */
  readonly number: number;
  readonly kind: 'first' | 'retry' | 'hedge' | 'race';
  readonly region: Region;
  readonly start: number;
  /** Of its headers, or its failure; undefined while it runs. */
  readonly end: number | undefined;
  /** `cancelled`: another copy won, or its caller left. */
  readonly outcome: 'running' | 'answered' | 'bad answer' | 'broken' | 'timed out' | 'cancelled';
  readonly status: number | undefined;
}

export interface EventRecord {
  /** On the session's clock. */
  readonly time: number;
  /** kyoa's own name of it, such as `retry.scheduled`. */
  readonly type: string;
  /** Its facts in a few words, such as `retry 1 in 134 ms, after 503`. */
  readonly detail: string;
}

/** What made a call end otherwise than by its own first request; a mark each. */
export type CallMark =
  | 'retried'
  | 'hedged'
  | 'deduped'
  | 'replayed'
  | 'rejected'
  | 'timed out'
  | 'stale'
  | 'fallback'
  | 'queued';

/** A call through kyoa; the object stays the same while it runs and its members change. */
export interface CallRecord {
  /** Rises by one with each call. */
  readonly number: number;
  readonly method: string;
  readonly path: string;
  readonly start: number;
  /** Of the last byte, or of the failure. */
  readonly end: number | undefined;
  readonly outcome: CallOutcome;
  /** `200`, `503`, `TIMEOUT`, `CIRCUIT_OPEN`, ... */
  readonly label: string;
  readonly marks: ReadonlySet<CallMark>;
  readonly attempts: readonly AttemptRecord[];
  readonly events: readonly EventRecord[];
  /** Events beyond the first hundred, which are not kept. */
  readonly dropped: number;
}

/** Over the last 10 s. */
export interface Measures {
  /** Calls that ended. */
  readonly calls: number;
  /** 0..1; undefined before the first call has ended. */
  readonly success: number | undefined;
  /** To the last byte of the good answers. */
  readonly p50: number | undefined;
  readonly p95: number | undefined;
  readonly p99: number | undefined;
  /** Requests sent for each call begun. */
  readonly upstream: number | undefined;
  /** Since the reset. */
  readonly total: { readonly calls: number; readonly answered: number; readonly requests: number };
}

/** Columns of equal length, oldest first, one row every 500 ms for the last minute. NaN where nothing is known. */
export interface Ticks {
  readonly time: readonly number[];
  readonly plain: TickColumns;
  readonly kyoa: TickColumns;
  /** The adaptive limit as it was last applied; NaN while no adaptive limit stands in the stack. */
  readonly limit: readonly number[];
}

export interface TickColumns {
  readonly p50: readonly number[];
  readonly p95: readonly number[];
  readonly p99: readonly number[];
  readonly success: readonly number[];
  readonly upstream: readonly number[];
}

/** The last calls of a lane that ended, in the order of their ends, 2,000 at most. */
export interface Dots {
  /** Of the end. */
  readonly time: readonly number[];
  readonly latency: readonly number[];
  readonly outcome: readonly CallOutcome[];
}

// Once only -------------------------------------------------------------------------------------------------------

/** What a press of the button came to. */
export interface PayResult {
  readonly order: string;
  readonly outcome: CallOutcome;
  /** The answer came from the records of an earlier one, by kyoa or by the server. */
  readonly replayed: boolean;
  readonly duration: number;
  readonly label: string;
}

/** What kyoa keeps in this browser's IndexedDB, as an inspector sees it. */
export interface Records {
  list(): Promise<readonly StoredRecord[]>;
  clear(): Promise<void>;
}

export interface StoredRecord {
  readonly key: string;
  /** `running`: a lease is held; `done`: the answer is kept. */
  readonly state: 'running' | 'done' | 'other';
  readonly version: number;
  /** Unix ms; undefined for never. */
  readonly expires: number | undefined;
  readonly bytes: number;
  /** Its beginning, for whoever opens it. */
  readonly value: string;
}

// The session -----------------------------------------------------------------------------------------------------

export interface SessionOptions {
  /** What to begin with, as of `readLink`. */
  readonly link?: Link;
}

export interface Session {
  /** `server`: the flaky server that served the page; `simulated`: its image within the page. */
  readonly network: 'server' | 'simulated';
  readonly running: boolean;
  /** As wanted. What runs is the last one without `problems`. */
  readonly configuration: Configuration;
  readonly problems: readonly Problem[];
  /** In words, when the network cannot be told its weather; undefined while all is well. */
  readonly fault: string | undefined;
  /** The session's clock. */
  readonly now: number;

  start(): void;
  /** No new calls; those under way run to their end. */
  stop(): void;
  /** Clock, counters, records, measures and the script of mishaps begin again, and so does what the policies have learnt. */
  reset(): void;

  /** Any part, live; layers that stay as they were keep what they have learnt. A preset alone brings its settings along. */
  configure(change: Partial<Configuration>): void;
  /** A part of the settings, live. @throws an `Error` with the `field` that cannot be taken, and changes nothing */
  changeSettings(patch: Patch): void;

  /** Brings about what a step of a scenario begins with: `reset` where it says so, its configuration, and running traffic. */
  follow(step: Step): void;

  /** Outermost first, one for each layer that is on, and `network` last. */
  layers(): readonly LayerCounts[];
  /** The last 200 calls through kyoa, newest first. */
  calls(): readonly CallRecord[];
  measures(lane: LaneName): Measures;
  ticks(): Ticks;
  dots(lane: LaneName): Dots;

  /** Presses the button: `POST /pay` with the order as `requestId` through kyoa, or as it is through plain fetch. */
  pay(order: string, lane: LaneName): Promise<PayResult>;
  /** As the server counts, newest first; also what other tabs and earlier loads of the page have paid. */
  payments(): Promise<readonly Payment[]>;
  clearPayments(): Promise<void>;

  /**
   * Told when running, configuration, problems, fault or payments (also by another tab) have changed: never for each
   * call. The result ends it.
   */
  subscribe(listener: (what: 'state' | 'payments') => void): () => void;
  /** Ends traffic, timers, connections and listeners. */
  close(): void;
}

// Guided scenarios ------------------------------------------------------------------------------------------------

export interface Scenario {
  readonly id: string;
  readonly title: string;
  /** What it shows, in one sentence. */
  readonly about: string;
  readonly steps: readonly Step[];
}

export interface Step {
  readonly title: string;
  /** A few sentences: what happens, and what to look at. */
  readonly text: string;
  /** What the step begins with; `follow` brings it about. */
  readonly change: Partial<Omit<Configuration, 'settings'>> & { readonly settings?: Patch };
  /** Whether to `reset` first, so that before and after begin alike. */
  readonly reset: boolean;
  /** After so long the next step begins by itself; undefined: when the visitor has done what the text asks for. */
  readonly seconds: number | undefined;
  /** The part of the page to point at. */
  readonly watch: 'network' | 'onion' | 'waterfall' | 'chart' | 'compare' | 'pay' | 'code';
}
