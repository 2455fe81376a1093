/**
 * W3C Trace Context: the trace that a call belongs to.
 *
 * @see https://www.w3.org/TR/trace-context-1/
 */
import { privateState } from '../core/engine/private-state.ts';
import type { Context } from '../core/context.ts';

export interface TraceContext {
  /** 32 hexadecimal digits. */
  readonly traceId: string;
  /** The trace flags: 01 if the trace is sampled, else 00. */
  readonly flags: string;
}

/** The trace of a call, keyed by `ctx.state`, which all forks of the call share. */
const traces = privateState<TraceContext>();

/** The trace that the call has joined, else the trace of its request; `undefined` if there is neither. */
export function traceOf(ctx: Context): TraceContext | undefined {
  return traces.get(ctx.state) ?? requestTrace(ctx);
}

/** The trace of the request, else the trace that the call has joined, else a new one, which is sampled. */
export function joinTrace(ctx: Context): TraceContext {
  const trace = requestTrace(ctx) ?? traces.get(ctx.state) ?? { traceId: randomHex(32), flags: '01' };
  traces.set(ctx.state, trace);
  return trace;
}

function requestTrace(ctx: Context): TraceContext | undefined {
  return parseTraceparent(ctx.header('traceparent'));
}

/** The header value in version 00, with a new span id. */
export function traceparent({ traceId, flags }: TraceContext): string {
  return `00-${traceId}-${randomHex(16)}-${flags}`;
}

const format = /^(?!ff)([\da-f]{2})-(?!0{32})([\da-f]{32})-(?!0{16})[\da-f]{16}-([\da-f]{2})(-.*)?$/;

/**
 * Returns `undefined` for an invalid header. From a later version it reads the fields of version 00 (§3.2.4), and from
 * the flags only `sampled`.
 */
export function parseTraceparent(header: string | null): TraceContext | undefined {
  if (header === null) return undefined;
  const [, version, traceId, flags, more] = format.exec(header) ?? [];
  if (traceId === undefined || (version === '00' && more !== undefined)) return undefined;
  return { traceId, flags: Number.parseInt(flags!, 16) & 1 ? '01' : '00' };
}

/** Two hexadecimal digits per byte. Calling `toString(16)` each time would cost more than the rest of the trace. */
const octets = Array.from({ length: 256 }, (_, value) => value.toString(16).padStart(2, '0'));

/** Like OpenTelemetry's own generator: unique, but not secret. `digits` is a multiple of eight. */
function randomHex(digits: number): string {
  let hex = '';
  while (hex.length < digits) {
    const bits = Math.floor(Math.random() * 2 ** 32);
    hex += octets[bits >>> 24]! + octets[(bits >>> 16) & 255]! + octets[(bits >>> 8) & 255]! + octets[bits & 255]!;
  }
  return hex;
}
