/** Adds a W3C `traceparent` header to every request. Placed inside `retry` and `hedge`, for a span id per attempt. */
import { asPolicy } from '../core/options.ts';
import type { Middleware } from '../core/context.ts';
import { joinTrace, parseTraceparent, traceparent } from '../lib/trace-context.ts';

/**
 * Continues the caller's trace if the request has a valid `traceparent`, with its `tracestate` unchanged, and starts a
 * trace otherwise. A call has one trace id wherever `trace` is placed, also with several instances. Each request that
 * passes through gets a new span id. `log` finds the trace id wherever the two are placed, except for a call that
 * shares the request of another call: place `trace` outside `dedupe` to give every caller a trace of its own.
 *
 * It records no spans: `kyoa/opentelemetry` does, and sends its own header. In a browser, a server of another origin
 * must allow the header by CORS.
 *
 * Per call: `trace: false`.
 *
 * @example
 * ```ts
 * const fetch = createFetch({ use: [trace(), ...standard()] });
 * const response = await fetch('https://api.example.com/users');
 * ```
 * @see https://github.com/kyoa/kyoa/blob/main/docs/policies/trace.md
 * @see https://www.w3.org/TR/trace-context-1/
 */
export function trace(): Middleware {
  return asPolicy({}, function trace(ctx, next) {
    if (ctx.options['trace'] === false) return next();
    const trace = joinTrace(ctx);
    // A `tracestate` belongs to the parent that it came with (§3.3).
    const isContinued = parseTraceparent(ctx.header('traceparent')) !== undefined;
    return next({
      headers: { traceparent: traceparent(trace), ...(!isContinued && { tracestate: undefined }) },
    });
  });
}
