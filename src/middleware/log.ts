/** Writes one line of JSON per call. Stands outermost, for whole calls; inside `retry` a line is an attempt's. */
import type { Middleware } from '../core/context.ts';
import { callResult } from '../telemetry/semantic-conventions.ts';
import { observeCall } from '../telemetry/observe-call.ts';
import { array, fn, oneOf, policyOptions, text, type PolicyOptions, type Settings } from '../core/options.ts';
import { redactor, type Redactor } from '../telemetry/redact.ts';
import { traceOf } from '../lib/trace-context.ts';

export type LogLevel = 'info' | 'warn' | 'error';

export interface LogOptions {
  /** Who writes: a member of every line. @default none */
  readonly service?: string;
  /** The least level that is written. @default 'info' */
  readonly level?: LogLevel;
  /** Takes a line, without a line break. @default the console's method of that level */
  readonly write?: (line: string, level: LogLevel) => void;
  /** Names of parameters and fields whose values are secrets besides the usual ones. @default [] */
  readonly redact?: readonly string[];
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
 * `time` (ISO 8601), `level`, `service`, `traceId` (of `trace`, or of the caller's `traceparent`), `id`, `method`,
 * `url`, `status`, `duration` (ms, to the headers), `attempts`; `error` with `name`, `code`, `message` and `cause`.
 * The level is `error` for a call that failed or was answered with 500 and above, `warn` for 400 and above and for more
 * than one attempt, else `info`, as also for a call that its caller gave up.
 *
 * Headers and bodies are not written. Of URLs, also of those in messages, go credentials, fragments, and values of
 * parameters that are named like a secret (`token`, `api_key`, `signature`, ...); of messages whatever looks like a
 * header or a pair with a secret. A secret that stands in a path or under a name of your own is yours to name, or to
 * take out in `write`. A `write` that throws breaks nothing.
 *
 * Per call: `log: false`.
 *
 * @throws {KyoaError} `INVALID_OPTION`
 */
export function log(options: LogOptions = {}): Middleware {
  const { service, level, write, redact: names } = logOptions.parse(options);
  const least = levels.indexOf(level);
  const redact = redactor(names);
  const by = service === undefined ? '' : `,"service":${quoted(service)}`;

  return function log(ctx, next) {
    if (ctx.options['log'] === false) return next();
    return observeCall(ctx, next, (event) => {
      if (event.type !== 'request.settled') return;
      const verdict = callResult(event, ctx);
      const isOdd = verdict !== 'aborted' && (event.attempts > 1 || (event.status ?? 0) >= 400);
      const level = verdict === 'failure' ? 'error' : isOdd ? 'warn' : 'info';
      if (levels.indexOf(level) < least) return;
      const { id, method, url, status, error, duration, attempts } = event;
      const trace = traceOf(ctx);
      const line =
        `{"time":"${iso(event.time)}","level":"${level}"${by}` +
        (trace === undefined ? '' : `,"traceId":"${trace.traceId}"`) +
        `,"id":${quoted(id)},"method":"${method}","url":${quoted(redact.url(url))}` +
        (status === undefined ? '' : `,"status":${status}`) +
        `,"duration":${Math.round(duration * 100) / 100},"attempts":${attempts}` +
        (status === undefined ? `,"error":${JSON.stringify(describe(error, redact))}}` : '}');
      return write(line, level);
    });
  };
}

/** What is neither a quotation mark, a backslash, a control character nor half of a pair stands for itself in JSON. */
const special = /[^ !#-[\]-\ud7ff\ue000-\uffff]/;

/** A line is put together by hand, because `JSON.stringify` of it would cost as much as all the rest. */
function quoted(text: string): string {
  return special.test(text) ? JSON.stringify(text) : `"${text}"`;
}

/** Many calls end within one millisecond, and to write it costs a third of the line. */
let lastTime = NaN;
let lastIso = '';

function iso(time: number): string {
  if (time !== lastTime) lastIso = new Date((lastTime = time)).toISOString();
  return lastIso;
}

/** An error whose causes go deeper, or round in a circle, is told so far. */
const deepest = 4;

function toConsole(line: string, level: LogLevel): void {
  console[level](line);
}

interface Description {
  readonly name: string;
  readonly code?: string;
  readonly message: string;
  readonly cause?: Description;
}

function describe(error: unknown, redact: Redactor, depth = 1): Description {
  if (!(error instanceof Error)) return { name: typeof error, message: redact.text(String(error)) };
  const { name, message, cause, code } = error as Error & { readonly code?: unknown };
  return {
    name,
    ...(typeof code === 'string' && { code }),
    message: redact.text(message),
    ...(cause !== undefined && depth < deepest && { cause: describe(cause, redact, depth + 1) }),
  };
}
