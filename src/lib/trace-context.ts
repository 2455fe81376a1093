/**
 * W3C Trace Context: which trace a call belongs to.
 *
 * @see https://www.w3.org/TR/trace-context-1/
 */
import { privateState } from '../core/engine/private-state.ts';
import type { Context } from '../core/context.ts';

export interface TraceContext {
  /** 32 hexadecimal digits. */
  readonly traceId: string;
  /** 00, or 01 for one that the caller may have recorded. */
  readonly flags: string;
}

/** By `ctx.state`, which all forks of a call share. */
const calls = privateState<TraceContext>();

/** The trace that the call has joined, else that of its request; `undefined` when there is neither. */
export function traceOf(ctx: Context): TraceContext | undefined {
  return calls.get(ctx.state) ?? given(ctx);
}

/** Of the request, else of the call so far, else a new one, sampled: a trace that nobody records is no use. */
export function joinTrace(ctx: Context): TraceContext {
  const trace = given(ctx) ?? calls.get(ctx.state) ?? { traceId: randomHex(32), flags: '01' };
  calls.set(ctx.state, trace);
  return trace;
}

function given(ctx: Context): TraceContext | undefined {
  return parseTraceparent(ctx.header('traceparent'));
}

/** With a fresh span id, in version 00. */
export function traceparent({ traceId, flags }: TraceContext): string {
  return `00-${traceId}-${randomHex(16)}-${flags}`;
}

const format = /^(?!ff)([\da-f]{2})-(?!0{32})([\da-f]{32})-(?!0{16})[\da-f]{16}-([\da-f]{2})(-.*)?$/;

/** `undefined` for one that is not valid. Of a later version what version 00 knows (§3.2.4), of the flags `sampled`. */
export function parseTraceparent(header: string | null): TraceContext | undefined {
  if (header === null) return undefined;
  const [, version, traceId, flags, more] = format.exec(header) ?? [];
  if (traceId === undefined || (version === '00' && more !== undefined)) return undefined;
  return { traceId, flags: Number.parseInt(flags!, 16) & 1 ? '01' : '00' };
}

/** `toString(16)` for each would cost a call more than the rest of its trace. */
const octets = Array.from({ length: 256 }, (_, value) => value.toString(16).padStart(2, '0'));

/** As OpenTelemetry's own generator: unique, not secret. `digits` are a multiple of eight. */
function randomHex(digits: number): string {
  let hex = '';
  while (hex.length < digits) {
    const bits = Math.floor(Math.random() * 2 ** 32);
    hex += octets[bits >>> 24]! + octets[(bits >>> 16) & 255]! + octets[(bits >>> 8) & 255]! + octets[bits & 255]!;
  }
  return hex;
}
