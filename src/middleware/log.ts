/** Writes one line of JSON per call. Placed outermost, for whole calls; inside `retry` a line describes an attempt. */
import type { Middleware } from '../core/context.ts';
import { isError } from '../core/errors.ts';
import type { Listener } from '../core/events.ts';
import { callResult } from '../telemetry/semantic-conventions.ts';
import { observeCall } from '../telemetry/observe-call.ts';
import { array, asPolicy, fn, oneOf, policyOptions, text, type PolicyOptions, type Settings } from '../core/options.ts';
import { limited, redactor, type Redactor } from '../telemetry/redact.ts';
import { traceOf } from '../lib/trace-context.ts';

/**
 * The level of a line of `log()`. `error`: the call failed, or its status is 500 or above. `warn`: its status is 400 or
 * above, or it took more than one attempt.
 *
 * @see https://github.com/kyoa/kyoa/blob/main/docs/policies/log.md#options
 */
export type LogLevel = 'info' | 'warn' | 'error';

/**
 * The options of `log()`.
 *
 * @see https://github.com/kyoa/kyoa/blob/main/docs/policies/log.md#options
 */
export interface LogOptions {
  /** The name of the service, a member of every line. @default none */
  readonly service?: string | undefined;
  /** The lowest level that is written. @default 'info' */
  readonly level?: LogLevel | undefined;
  /** Receives each line, without a line break; may throw without effect. @default the console's method of that level */
  readonly write?: ((line: string, level: LogLevel) => void) | undefined;
  /** Names of parameters and fields that are secrets, in addition to the built-in names. @default [] */
  readonly redact?: readonly string[] | undefined;
}

const levels: readonly LogLevel[] = ['info', 'warn', 'error'];

export const logOptions: PolicyOptions<Settings<LogOptions, 'service'>> = /* @__PURE__ */ policyOptions(
  'log',
  {
    service: [text, undefined],
    level: [oneOf, 'info', levels],
    write: [fn, toConsole],
    redact: [array, []],
  },
  { perCall: [] },
);

/**
 * Writes one line of JSON when a call has settled. Its members are `time` (ISO 8601), `level`, `service`, `traceId` (of
 * `trace`, or of the caller's `traceparent`), `id`, `method`, `url`, `status`, `duration` (ms, to the headers) and
 * `attempts`; a call that `chaos` has disturbed has the number of its faults as `chaos`. A failed call has `error` instead of `status`, with `name`, `code`, `message` and `cause`.
 *
 * The level is `error` for a call that failed or got a status of 500 and above. It is `warn` for a status of 400 and
 * above, and for a call with more than one attempt. It is `info` for every other call, also for a call that its caller
 * aborted.
 *
 * Headers and bodies are not written. Credentials, fragments, and the values of parameters that are named like a secret
 * (`token`, `api_key`, `signature`, ...) are removed from URLs, also from URLs in messages and in parameters. Headers and
 * pairs that contain a secret are removed from messages. It does not recognise a secret in a path, or under a name that is
 * not in `redact`: remove such a secret in `write`. A URL or a message is cut after 2,000 characters.
 *
 * Per call: `log: false`.
 *
 * @throws {KyoaError} `INVALID_OPTION`
 * @example
 * ```ts
 * const fetch = createFetch({ use: [log({ service: 'shop', level: 'info' }), ...standard()] });
 * const response = await fetch('https://api.example.com/users');
 * ```
 * @see https://github.com/kyoa/kyoa/blob/main/docs/policies/log.md
 */
export function log(options: LogOptions = {}): Middleware {
  const { service, level, write, redact: names } = logOptions.parse(options);
  const lowest = levels.indexOf(level);
  const redact = redactor(names);
  const serviceMember = service === undefined ? '' : `,"service":${quoted(service)}`;

  return asPolicy(options, function log(ctx, next) {
    if (ctx.options['log'] === false) return next();
    let faults = 0;
    const writeLine: Listener = (event) => {
      if (event.type === 'chaos.injected') faults += 1;
      if (event.type !== 'request.settled') return;
      const result = callResult(event);
      const isWarning = result !== 'aborted' && (event.attempts > 1 || (event.status ?? 0) >= 400);
      const level = result === 'failure' ? 'error' : isWarning ? 'warn' : 'info';
      if (levels.indexOf(level) < lowest) return;
      const { id, method, url, status, error, duration, attempts } = event;
      const trace = traceOf(ctx);
      const line =
        `{"time":"${iso(event.time)}","level":"${level}"${serviceMember}` +
        (trace === undefined ? '' : `,"traceId":"${trace.traceId}"`) +
        `,"id":${quoted(limited(id))},"method":"${limited(method)}","url":${quoted(redact.url(url))}` +
        (status === undefined ? '' : `,"status":${status}`) +
        `,"duration":${Math.round(duration * 100) / 100},"attempts":${attempts}` +
        (faults === 0 ? '' : `,"chaos":${faults}`) +
        (status === undefined ? `,"error":${JSON.stringify(describe(error, redact))}}` : '}');
      return write(line, level);
    };
    return observeCall(ctx, next, writeLine, write);
  });
}

/** Characters that JSON escapes: quotation mark, backslash, control characters; also each half of a surrogate pair. */
const escaped = /[^ !#-[\]-\ud7ff\ue000-\uffff]/;

/** The line is concatenated by hand, because `JSON.stringify` of it would cost as much as the rest of the policy. */
function quoted(text: string): string {
  return escaped.test(text) ? JSON.stringify(text) : `"${text}"`;
}

/** Many calls end within the same millisecond, and formatting the time costs a third of the line. */
let lastTime = NaN;
let lastIso = '';

function iso(time: number): string {
  if (time !== lastTime) lastIso = new Date((lastTime = time)).toISOString();
  return lastIso;
}

/** Causes beyond this depth are not written: a chain of causes may be long, or circular. */
const maxDepth = 4;

function toConsole(line: string, level: LogLevel): void {
  console[level](line);
}

/** The members of an error, which any code may have set. */
interface Readable {
  readonly name: unknown;
  readonly message: unknown;
  readonly cause?: unknown;
  readonly code?: unknown;
}

interface Description {
  readonly name: string;
  readonly code?: string;
  readonly message: string;
  readonly cause?: Description;
}

function describe(error: unknown, redact: Redactor, depth = 1): Description {
  try {
    if (!isError(error)) return { name: typeof error, message: redact.text(String(error)) };
    const { name, message, cause, code }: Readable = error;
    return {
      name: limited(String(name)),
      ...(typeof code === 'string' && { code: limited(code) }),
      message: redact.text(String(message)),
      ...(cause !== undefined && depth < maxDepth && { cause: describe(cause, redact, depth + 1) }),
    };
  } catch {
    return { name: typeof error, message: 'an error that cannot be read' }; // its getter or its `toString` throws
  }
}
