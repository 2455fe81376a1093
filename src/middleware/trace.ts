/** Puts a W3C `traceparent` on every request. Stands inside `retry` and `hedge` for a span id per attempt. */
import type { Middleware } from '../core/context.ts';
import { joinTrace, parseTraceparent, traceparent } from '../lib/trace-context.ts';

/**
 * Continues the caller's trace when the request has a valid `traceparent`, with its `tracestate` as it is, and starts
 * one otherwise. One trace id per call wherever it stands, also twice; a new span id each time a request passes. `log`
 * finds the trace id wherever both stand, but for a call that joined the request of another beneath `dedupe`: put
 * `trace` outside `dedupe` for a trace of its own.
 *
 * In a browser the header makes a request to another origin one that CORS must allow. Records no spans: `kyoa/opentelemetry`
 * does, and sends its own header.
 *
 * Per call: `trace: false`.
 *
 * @see https://www.w3.org/TR/trace-context-1/
 */
export function trace(): Middleware {
  return function trace(ctx, next) {
    if (ctx.options['trace'] === false) return next();
    const trace = joinTrace(ctx);
    // A `tracestate` belongs to the parent that it came with (§3.3).
    const isContinued = parseTraceparent(ctx.header('traceparent')) !== undefined;
    return next({
      headers: { traceparent: traceparent(trace), ...(!isContinued && { tracestate: undefined }) },
    });
  };
}
