/** The life of one GET through the standard stack, from the call to the last byte of the body. */
import type { Sequence } from './sequence.ts';

const [caller, createFetch, total, dedupe, retry, breaker, headers, transport, server] = [0, 1, 2, 3, 4, 5, 6, 7, 8];

export const lifeOfAGet: Sequence = {
  title:
    'One GET through the standard stack: the call passes createFetch, timeout, dedupe, retry, breaker and timeout to the transport; the response passes them in reverse; the total limit ends with the body',
  parts: [
    'caller',
    'createFetch',
    'timeout (total)',
    'dedupe',
    'retry',
    'breaker',
    'timeout (headers)',
    'transport',
    'server',
  ],
  steps: [
    { at: caller, to: createFetch, text: 'fetch(url): a context, no Request and no signal yet' },
    { at: createFetch, to: total, text: 'the outermost layer' },
    { at: total, to: dedupe, text: 'next({ signal: ctx.child(), deadline })' },
    { at: dedupe, to: retry, text: 'no call with this key is in flight' },
    { at: retry, to: breaker, text: 'next(), after a deposit in the budget' },
    { at: breaker, to: headers, text: 'the circuit of the origin gives a permit' },
    { at: headers, to: transport, text: 'the limit comes from the latency history of the route' },
    { at: transport, to: server, text: 'fetch(url, { signal }): the signal is created here' },
    { at: server, to: transport, text: 'response headers', isReturn: true },
    { at: transport, to: headers, text: 'the latency is recorded, the timer is cancelled', isReturn: true },
    { at: headers, to: breaker, text: 'the circuit records a success', isReturn: true },
    { at: breaker, to: retry, text: 'the outcome is good: no further attempt', isReturn: true },
    { at: retry, to: dedupe, text: 'no other call may join from here on', isReturn: true },
    { at: dedupe, to: total, text: 'watchBody: the limit goes on, until the body ends', isReturn: true },
    { at: total, to: createFetch, text: 'the transport’s own Response', isReturn: true },
    { at: createFetch, to: caller, text: 'await fetch(url) is done', isReturn: true },
    { at: caller, to: server, text: 'response.json() reads the body' },
    { at: server, to: caller, text: 'the last byte', isReturn: true },
    { at: total, text: 'the end of the body cancels the timer: the call has ended' },
  ],
};
