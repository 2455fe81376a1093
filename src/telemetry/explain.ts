/** A listener for `observe` that says what happens to each call, and why. */
import { runHarmless } from '../core/engine/user-function.ts';
import { shortDuration } from '../core/engine/short-duration.ts';
import type { KyoaEvent, Listener } from '../core/events.ts';
import { array, boolean, fn, object, type Shape } from '../core/options.ts';
import { limited, redactor } from './redact.ts';
import { sentences, wordsWith, type Say } from './sentences.ts';

/**
 * The options of `explain()`.
 *
 * @see https://github.com/kyoa/kyoa/blob/main/docs/debugging.md#explain
 */
export interface ExplainOptions {
  /** Receives each line, without a line break; may throw or reject without effect. @default console.log */
  readonly write?: ((line: string) => void) | undefined;
  /** Whether lines have the colours of a terminal. @default where standard output is a terminal, and NO_COLOR is not set */
  readonly color?: boolean | undefined;
  /** Whether the lines of a call are written when it has settled, as a collapsed group of the console. @default in a page, unless `write` is given */
  readonly groups?: boolean | undefined;
  /** Names of parameters and fields that are secrets, in addition to the built-in names. @default [] */
  readonly redact?: readonly string[] | undefined;
}

type Sentence = (event: KyoaEvent, say: Say) => string;

interface Settings {
  readonly write: ((line: string) => void) | undefined;
  readonly color: boolean | undefined;
  readonly groups: boolean | undefined;
  readonly redact: readonly string[];
}

const shape: Shape<Settings> = {
  write: [fn, undefined],
  color: [boolean, undefined],
  groups: [boolean, undefined],
  redact: [array, []],
};

/** Calls that are remembered. A call beyond that is forgotten with the oldest ones, also one that never ends. */
const maxCalls = 1_000;
/** Lines of one group: a call may be retried for ever. */
const maxLines = 100;

/** ANSI colours. */
const green = 32;
const red = 31;
const yellow = 33;
const dim = 2;

/** What is known of a call. */
interface Call {
  readonly label: string;
  /** A `requestId` may be in use by several calls at a time, and by each attempt if `observe` is inside `retry`. */
  running: number;
  readonly lines: string[];
  /** The attempts that have ended lately, to say how long the one took that is retried. */
  readonly attempts: { readonly status?: number; readonly error?: unknown; readonly duration: number }[];
  queuedAt: number | undefined;
}

/**
 * A listener for `observe` that writes one readable line for each decision: a retry, a copy, an open circuit, a limit that
 * expired, and the outcome of each call. Each line names the call by a number, method, host and path:
 *
 *     #1 GET api.example.com/users: 503 after 41 ms, retry 1 in 143 ms
 *     #1 GET api.example.com/users: 200 after 2 attempts in 190 ms
 *
 * It is for development: `log` writes lines for machines, and `metrics` counts. Secrets are removed from URLs and messages as
 * in `log`.
 *
 * @example
 * ```ts
 * const fetch = createFetch({ use: [observe(explain()), ...standard()] });
 * const response = await fetch('https://api.example.com/users');
 * ```
 * @see https://github.com/kyoa/kyoa/blob/main/docs/debugging.md#explain
 * @throws {KyoaError} `INVALID_OPTION`
 */
export function explain(options: ExplainOptions = {}): Listener {
  const { write = toConsole, color = isTerminal(), groups, redact: names } = object('explain', options, shape);
  const redact = redactor(names);
  const say = wordsWith(redact);
  const isGrouped = groups ?? (write === toConsole && typeof document !== 'undefined');
  const paint = (text: string, code: number): string => (color ? `\u001b[${code}m${text}\u001b[0m` : text);
  const print = (line: string): void => runHarmless('write of explain()', write, line);
  const calls = new Map<string, Call>();
  let started = 0;

  const begin = ({ id, method, url }: Extract<KyoaEvent, { type: 'request.started' }>): void => {
    const known = calls.get(id);
    if (known !== undefined && known.running > 0) return void (known.running += 1);
    started += 1;
    const label = paint(`#${started}`, dim) + ` ${method} ${withoutScheme(redact.url(url))}`;
    calls.delete(id);
    calls.set(id, { label, running: 1, lines: [], attempts: [], queuedAt: undefined });
    const [oldest, call] = calls.entries().next().value!;
    if (calls.size <= maxCalls) return;
    calls.delete(oldest);
    flush(call, `${call.label}: has not settled yet`);
  };

  /** Writes what a group has so far. A call without a decision needs no group. */
  const flush = ({ lines }: Call, title: string): void => {
    if (lines.length === 0) return;
    if (lines.length === 1) print(lines[0]!);
    else {
      console.groupCollapsed(title);
      for (const line of lines) print(line);
      console.groupEnd();
    }
    lines.length = 0;
  };

  const line = (event: KyoaEvent, call: Call | undefined, text: string, code: number): void => {
    const written = `${call?.label ?? onOneLine(limited(event.id))}: ${paint(onOneLine(text), code)}`;
    // After a call has settled, its body may still fail.
    if (!isGrouped || call === undefined || call.running === 0) return print(written);
    if (call.lines.length < maxLines || event.type === 'request.settled') call.lines.push(written);
  };

  return function explain(event) {
    if (event.type === 'request.started') return begin(event);
    const call = calls.get(event.id);
    if (event.type === 'attempt.sent') {
      if (call?.queuedAt !== undefined)
        line(event, call, `sent after ${shortDuration(event.time - call.queuedAt)} in the queue`, yellow);
      if (call !== undefined) call.queuedAt = undefined;
    } else if (event.type === 'attempt.answered' || event.type === 'attempt.failed') {
      const { duration } = event;
      call?.attempts.push('status' in event ? { status: event.status, duration } : { error: event.error, duration });
      if ((call?.attempts.length ?? 0) > 10) call!.attempts.shift();
    } else if (event.type === 'request.settled') {
      const isGood = event.status !== undefined && event.status < 400;
      line(event, call, outcomeOf(event, say), isGood ? green : event.aborted ? yellow : red);
      if (call === undefined || (call.running -= 1) > 0) return;
      call.attempts.length = 0;
      flush(call, call.lines.at(-1) ?? call.label);
    } else {
      if (event.type === 'limit.queued' && call !== undefined) call.queuedAt = event.time;
      // A middleware of the user has events of its own.
      const sentence = Object.hasOwn(sentences, event.type) && (sentences[event.type] as Sentence);
      const text = sentence ? sentence(event, say) : event.type;
      line(event, call, before(event, call, say) + text, yellow);
    }
  };
}

/** For a decision on `retry`: which outcome it is about. */
function before(event: KyoaEvent, call: Call | undefined, say: Say): string {
  if (event.type !== 'retry.scheduled' && event.type !== 'retry.abandoned') return '';
  const attempt = call?.attempts.findLast(({ status, error }) => status === event.status && error === event.error);
  const after = attempt === undefined ? '' : ` after ${shortDuration(attempt.duration)}`;
  return `${say.outcome(event)}${after}, `;
}

function outcomeOf(event: Extract<KyoaEvent, { type: 'request.settled' }>, say: Say): string {
  const { attempts, duration, aborted } = event;
  const outcome = aborted ? 'aborted' : event.status === undefined ? `failed: ${say.outcome(event)}` : event.status;
  const time = shortDuration(duration);
  if (attempts === 0) return `${outcome}, nothing was sent, after ${time}`;
  return attempts === 1 ? `${outcome} after ${time}` : `${outcome} after ${attempts} attempts in ${time}`;
}

function toConsole(line: string): void {
  console.log(line);
}

/** Line breaks, and what moves the cursor of a terminal or has its colours: servers and callers write messages. */
const controls = /[\p{Cc}\u2028\u2029]+/gu;

function onOneLine(text: string): string {
  return text.replace(controls, ' ');
}

function withoutScheme(url: string): string {
  return url.replace(/^https?:\/\//, '');
}

/** Of the globals of Node, Deno and Bun, as far as they are read here. */
interface TerminalHost {
  readonly stdout?: { readonly isTTY?: boolean };
  readonly env?: Readonly<Record<string, string | undefined>>;
}

/** https://no-color.org. A browser, and a Worker, has no such global. */
function isTerminal(): boolean {
  const host = Reflect.get(globalThis, 'process') as TerminalHost | undefined;
  return host?.stdout?.isTTY === true && !host.env?.['NO_COLOR'];
}
