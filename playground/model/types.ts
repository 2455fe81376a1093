/**
 * The interface between the model and the page. The page uses only these types and the functions below. `subscribe`
 * reports state that changes rarely; the page reads state that changes with every call whenever it draws.
 *
 *   import { openSession } from './session.ts';        (options?: SessionOptions) => Promise<Session>
 *   import { presets } from '../network/presets.ts';          names and descriptions of the presets
 *   import { settingFields } from '../network/fields.ts';      sliders and switches of the network
 *   import { catalogue } from './catalogue.ts';        readonly PolicyDescriptor[], in their usual order
 *   import { scenarios } from './scenarios.ts';        readonly Scenario[]
 *   import { generate } from './code.ts';              (stack, form: CodeForm) => string
 *   import { readLink, writeLink } from './link.ts';   (hash) => Link; (configuration) => hash
 *   import { openRecords } from './records.ts';        () => Records
 *
 * Durations are in ms and shares in 0..1, unless a unit states otherwise. Times are in ms on the session's clock, which
 * starts at 0 with every `reset`.
 */
import type { EndpointSnapshot, KyoaEvent, LimitState } from 'kyoa';
import type { Unit } from '../network/fields.ts';
import type { Payment } from '../network/ledger.ts';
import type { Region } from '../network/regions.ts';
import type { Patch, Settings } from '../network/settings.ts';

// The network and its faults -------------------------------------------------------------------------------------

export type { SettingField, Unit } from '../network/fields.ts';
export type { Payment } from '../network/ledger.ts';
export type { Preset } from '../network/presets.ts';
export type { Region } from '../network/regions.ts';
export type { Patch, RegionSettings, Settings } from '../network/settings.ts';

// The stack of policies ------------------------------------------------------------------------------------------

export type PolicyName =
  | 'timeout'
  | 'latest'
  | 'dedupe'
  | 'resume'
  | 'idempotency'
  | 'fallback'
  | 'staleIfError'
  | 'retry'
  | 'hedge'
  | 'breaker'
  | 'limit'
  | 'endpoints'
  | 'race';

/** A number is in the unit of the option. A list contains statuses or methods. */
export type OptionValue = number | boolean | string | readonly number[] | readonly string[];

/** Values by the name of the option, such as `retries` or `budget.ratio`. An absent option has its default. */
export type OptionValues = Readonly<Record<string, OptionValue>>;

/** One layer of the onion. */
export interface PolicyEntry {
  /** Unique within the stack, and constant while the layer is moved and edited. A stack may contain `timeout` twice. */
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
  /** `numbers` and `words` are lists. */
  readonly kind: 'number' | 'switch' | 'choice' | 'numbers' | 'words' | 'text';
  readonly unit: Unit;
  /** The range of the arrow keys in the field. kyoa itself validates the value. */
  readonly min?: number;
  readonly max?: number;
  readonly step?: number;
  readonly choices?: readonly string[];
  /** kyoa's default. `undefined` if there is none: the limit does not apply, for example. */
  readonly default: OptionValue | undefined;
  readonly help: string;
  /** The option applies only while another option of the same policy has one of these values. */
  readonly only?: { readonly option: string; readonly is: readonly OptionValue[] };
}

export interface PolicyDescriptor {
  readonly name: PolicyName;
  readonly title: string;
  /** What the policy does, in one sentence. */
  readonly about: string;
  /** Where the policy is placed: the words of kyoa's own file of the policy. */
  readonly place: string;
  /** Policies that are placed outside this one. */
  readonly inside?: readonly PolicyName[];
  /** Policies that are placed inside this one. */
  readonly outside?: readonly PolicyName[];
  readonly options: readonly OptionDescriptor[];
  /** The options of a layer that is added. Policies such as `timeout` and `limit` do nothing with their defaults alone. */
  readonly initial: OptionValues;
  /** The options of a second layer, and the policies that it is placed outside of. */
  readonly second?: { readonly initial: OptionValues; readonly outside: readonly PolicyName[] };
  /** How many times a stack may contain the policy: 2 for `timeout`, otherwise 1. */
  readonly most: number;
}

/** Why a stack cannot be built, in the words of kyoa's error. The previous stack remains in use. */
export interface Problem {
  readonly entry: string;
  /** The option with the invalid value; `undefined` if the problem is not that of a single option. */
  readonly option?: string;
  readonly message: string;
}

// A configuration, its link, its code ----------------------------------------------------------------------------

export interface Configuration {
  /** The name of the preset that the settings started from. */
  readonly preset: string;
  readonly settings: Settings;
  /** Calls a second of each lane. */
  readonly rate: number;
  readonly stack: Stack;
  /** Stacks that make the same calls, for comparison. Only a scenario has them; a link has none. */
  readonly rivals?: readonly Rival[];
}

/** A further stack whose figures are shown beside those of the onion. */
export interface Rival {
  /** The name of its lane on the network: letters and digits. */
  readonly id: string;
  readonly title: string;
  readonly stack: Stack;
}

/** A step of a scenario. */
export interface Place {
  readonly scenario: string;
  /** 1-based. */
  readonly step: number;
}

export interface Link {
  /** The step of a scenario that the link opens. */
  readonly place: Place | undefined;
  /** The parts that could be read, and defaults for all others. */
  readonly configuration: Configuration;
  /** Whether the link contains a preset or settings. If not, a server keeps its settings. */
  readonly hasSettings: boolean;
  /** One sentence for each part that could not be read. */
  readonly complaints: readonly string[];
}

export type CodeForm = 'node' | 'page';

// What happens ----------------------------------------------------------------------------------------------------

export type LaneName = 'plain' | 'kyoa';

/**
 * The state or the result of a call. `substitute`: a policy responded in place of the server. `late`: the caller of either
 * lane aborted the call after 5 s. `replaced`: a newer call took its place. `left`: the caller left with its step.
 */
export type CallOutcome =
  | 'running'
  | 'answered'
  | 'substitute'
  | 'error status'
  | 'broken'
  | 'timed out'
  | 'late'
  | 'rejected'
  | 'replaced'
  | 'left';

/** The counts of a layer. Those of all layers begin together, with every change of the stack. `sent - entered` is the traffic that the layer added, or avoided if negative. */
export interface LayerCounts {
  /** The id of the layer, or `network`, which is placed inside all layers. */
  readonly entry: string;
  /** Calls that entered the layer. */
  readonly entered: number;
  /** Calls that left the layer with a 2xx response. */
  readonly answered: number;
  /** Calls that left the layer with another response, or with an error. */
  readonly failed: number;
  /** Calls that are in the layer now. */
  readonly inside: number;
  /** Calls that the layer passed to the next inner layer; for `network`, requests sent. */
  readonly sent: number;
}

export interface AttemptRecord {
  /** 1-based, in the order in which they were sent. */
  readonly number: number;
  readonly kind: 'first' | 'retry' | 'hedge' | 'race';
  readonly region: Region;
  readonly start: number;
  /** When the headers arrived, or when the attempt failed; `undefined` while it runs. */
  readonly end: number | undefined;
  /** `cancelled`: another copy won, or the caller aborted the call. */
  readonly outcome: 'running' | 'answered' | 'error status' | 'broken' | 'timed out' | 'cancelled';
  readonly status: number | undefined;
}

export interface EventRecord {
  /** On the session's clock. */
  readonly time: number;
  /** kyoa's name of the event, such as `retry.scheduled`. */
  readonly type: string;
  /** The members of the event, such as `retry 1, delay 134 ms, status 503`. */
  readonly detail: string;
  readonly event: KyoaEvent;
}

/** What happened to a call besides its first request. A call may have several marks. */
export type CallMark =
  | 'retried'
  | 'continued'
  | 'hedged'
  | 'raced'
  | 'deduped'
  | 'replayed'
  | 'rejected'
  | 'timed out'
  | 'stale'
  | 'fallback'
  | 'queued'
  | 'replaced';

/** A call through kyoa. While the call runs, the members of the object change, and the object stays the same. */
export interface CallRecord {
  /** Increases by one with each call. */
  readonly number: number;
  readonly method: string;
  readonly path: string;
  /** The query of the URL without its question mark, such as `id=hot-1`. */
  readonly query: string;
  /** The line that `log` writes when the call has its response headers or has failed; empty before. */
  readonly line: string;
  readonly start: number;
  /** When the last byte arrived, or when the call failed; `undefined` while it runs. */
  readonly end: number | undefined;
  readonly outcome: CallOutcome;
  /** `200`, `503`, `TIMEOUT`, `CIRCUIT_OPEN`, ... */
  readonly label: string;
  readonly marks: ReadonlySet<CallMark>;
  readonly attempts: readonly AttemptRecord[];
  readonly events: readonly EventRecord[];
  /** The number of events after the first hundred, which are not kept. */
  readonly dropped: number;
}

/**
 * The figures of a lane over the last 10 s, or since the stack changed if that is shorter. A call that waits for more than
 * two seconds has no good response yet, and counts with the time that it has waited.
 */
export interface Measures {
  /** Calls that ended. */
  readonly calls: number;
  /** Calls that have not ended and wait for more than two seconds. */
  readonly waiting: number;
  /** Calls that ended because a newer one replaced them: neither good nor lost, and in no share and no percentile. */
  readonly replaced: number;
  /** Those of them that a policy answered in place of the server. */
  readonly substitutes: number;
  /** Those of them that ended without a response, or with an error status. */
  readonly lost: number;
  /** The share of calls with a good response of the server, 0..1; `undefined` before the first call counts. */
  readonly success: number | undefined;
  /**
   * Percentiles of the time until the last byte of a good response, over all calls. A call without one counts as endless:
   * the percentile is `Infinity` if more calls than its share got none.
   */
  readonly p50: number | undefined;
  readonly p95: number | undefined;
  readonly p99: number | undefined;
  /** Requests sent per call. */
  readonly upstream: number | undefined;
}

/** Columns of equal length, oldest first, with a row every 500 ms for the last minute. NaN for an unknown figure. */
export interface Ticks {
  readonly time: readonly number[];
  readonly plain: TickColumns;
  readonly kyoa: TickColumns;
  /** The adaptive limit that was applied last; NaN while the stack has no adaptive limit. */
  readonly limit: readonly number[];
}

export interface TickColumns {
  readonly p50: readonly number[];
  readonly p95: readonly number[];
  readonly p99: readonly number[];
  readonly success: readonly number[];
  readonly upstream: readonly number[];
}

/** The last calls of a lane, at most 2,000, in the order in which they ended. */
export interface Dots {
  /** When each call ended. */
  readonly time: readonly number[];
  readonly latency: readonly number[];
  readonly outcome: readonly CallOutcome[];
}

/** The state of the policies that are in use. */
export interface PolicyState {
  /** Of all keys of `limit`: the page calls one origin. `undefined` without `limit`, and before its first call. */
  readonly limit: LimitState | undefined;
  /** The regions of `endpoints`; empty without it. */
  readonly endpoints: readonly EndpointSnapshot[];
}

/** The result of a call that the visitor has made. */
export interface SendResult {
  readonly outcome: CallOutcome;
  readonly label: string;
  readonly duration: number;
  /** The body as JSON; `undefined` without a good response. */
  readonly body: unknown;
}

// Once only -------------------------------------------------------------------------------------------------------

/** The result of one press of a pay button. */
export interface PayResult {
  readonly lane: LaneName;
  readonly order: string;
  readonly outcome: CallOutcome;
  /** The response is that of an earlier press, replayed by kyoa or by the server. */
  readonly replayed: boolean;
  readonly duration: number;
  readonly label: string;
}

/** The records that kyoa stores in this browser's IndexedDB. */
export interface Records {
  list(): Promise<readonly StoredRecord[]>;
  clear(): Promise<void>;
}

export interface StoredRecord {
  readonly key: string;
  /** `running`: the record is a lease. `done`: the record contains the response. */
  readonly state: 'running' | 'done' | 'other';
  readonly version: number;
  /** Unix ms; `undefined` if the record does not expire. */
  readonly expires: number | undefined;
  readonly bytes: number;
  /** The beginning of the value. */
  readonly value: string;
}

// The session -----------------------------------------------------------------------------------------------------

export interface SessionOptions {
  /** The initial configuration, from `readLink`. */
  readonly link?: Link;
}

export interface Session {
  /** `server`: the flaky server that served the page. `simulated`: a network that is simulated in the page. */
  readonly network: 'server' | 'simulated';
  readonly running: boolean;
  /** The requested configuration. The last configuration without `problems` is in use. */
  readonly configuration: Configuration;
  readonly problems: readonly Problem[];
  /** The step of a scenario that runs. */
  readonly place: Place | undefined;
  /** Whether the configuration is that of the step, or the initial one. */
  readonly isChanged: boolean;
  /** The number of changes that `undo` can take back. */
  readonly undoable: number;
  /** The error of the last change of the network; `undefined` if that change succeeded. */
  readonly fault: string | undefined;
  /** The time on the session's clock. */
  readonly now: number;
  /** How late the calls of the last second were made, ms on average. A device that is too slow for the rate makes them late. */
  readonly lateness: number;

  start(): void;
  /** Makes no more calls. Calls that have started are still completed. */
  stop(): void;
  /** Resets the clock, counters, records and measures, the sequences of fates, and the state of the policies. */
  reset(): void;

  /**
   * Changes any part of the configuration immediately. Layers that do not change keep their state, and
   * `endpoints` keeps that of its regions when only their weights change. A preset without
   * `settings` also sets the settings of the preset.
   */
  configure(change: Partial<Configuration>): void;
  /** Changes some settings immediately. @throws an `Error` with the `field` of an invalid value, and changes nothing then */
  changeSettings(patch: Patch): void;

  /** Takes the last change of the configuration back. */
  undo(): void;
  /** Returns to the configuration of the step, or to the initial one, and resets. */
  restore(): void;

  /**
   * Opens a link. A step of a scenario begins with its own configuration; its first step, and one that does not follow the
   * previous step, begin with a `reset`. The calls that run are aborted: they would keep the server
   * busy. Calls that are paused stay paused.
   */
  open(link: Link): void;
  /** Ends the scenario, and returns to the configuration of before it unless `keep` is true. */
  leave(keep?: boolean): void;

  /** The counts of each enabled layer, outermost first, and of `network` last. */
  layers(): readonly LayerCounts[];
  /** The last 200 calls through kyoa, newest first. */
  calls(): readonly CallRecord[];
  /** `lane` is a `LaneName`, or the id of a rival. */
  measures(lane: string): Measures;
  ticks(): Ticks;
  dots(lane: LaneName): Dots;

  /** Sends `GET /api/<path>`. It counts as a call of the lane. */
  send(lane: LaneName, path: string): Promise<SendResult>;
  /** The same, for a body that is not JSON: `onBytes` receives it as it arrives. */
  load(lane: LaneName, path: string, onBytes: (bytes: Uint8Array) => void): Promise<SendResult>;
  /** The present state of the policies in use. */
  state(): PolicyState;

  /** Sends `POST /api/pay`. Through kyoa, the order is the `requestId`; plain fetch sends no key. */
  pay(order: string, lane: LaneName): Promise<PayResult>;
  /** The results of all presses since the reset. */
  paid(): readonly PayResult[];
  /** The server's payments, newest first. Includes those of other tabs, and those from before a reload. */
  payments(): Promise<readonly Payment[]>;
  clearPayments(): Promise<void>;

  /**
   * Calls the listener when `running`, the configuration, the problems, the fault or the payments changed, also if
   * another tab changed them. It is not called for every call. The returned function removes the listener.
   */
  subscribe(listener: (what: 'state' | 'payments') => void): () => void;
  /** Ends traffic, timers, connections and listeners. */
  close(): void;
}

// Guided scenarios ------------------------------------------------------------------------------------------------

export interface Scenario {
  readonly id: string;
  readonly title: string;
  /** What the scenario shows, in one sentence. */
  readonly about: string;
  readonly steps: readonly Step[];
}

export type Watched =
  | 'network'
  | 'onion'
  | 'layers'
  | 'waterfall'
  | 'chart'
  | 'compare'
  | 'pay'
  | 'code'
  | 'document'
  | 'hot'
  | 'queue'
  | 'search'
  | 'picture';

export interface Step {
  readonly title: string;
  /** A few sentences: what happens, and what to look at. */
  readonly text: string;
  /** The whole configuration of the step. */
  readonly configuration: Configuration;
  /** Whether the step starts with a `reset`. */
  readonly reset: boolean;
  /** The part of the page to show. */
  readonly watch: Watched;
  /** The part of the page where the visitor has to do something, if that is another one. */
  readonly act?: Watched;
  /** What the visitor has to reach by hand. */
  readonly goal?: readonly Aim[];
}

/** A part of a goal. */
export interface Aim {
  readonly title: string;
  /** Once reached, it stays reached. Other aims have to be reached at the same time. */
  readonly isLasting?: boolean;
  readonly read: (session: Session) => Reading;
}

export interface Reading {
  /** The present value, such as `1.20`. */
  readonly value: string;
  readonly isReached: boolean;
  /** While the value is good enough: how long it has to stay so, and how much of that is left, ms. */
  readonly holding?: { readonly total: number; readonly left: number };
}
