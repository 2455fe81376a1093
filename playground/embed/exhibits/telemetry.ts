/** Exhibits of what can be seen of a call: log, metrics, observe, trace. */
import * as kyoa from 'kyoa';
import { describe } from '../../model/describe.ts';
import type { Fetch } from '../../network/simulated-fetch.ts';
import { layer } from '../exhibit.ts';
import type { Exhibit, Plan, Say } from '../exhibit.ts';
import { p50, perCall, success } from '../figures.ts';
import { option, setting } from '../knobs.ts';

export const log = (): Exhibit =>
  exhibit('log', 'log writes one line of JSON for each call, with all its attempts and without secrets.', 2, {
    outer: (_values, say) => [kyoa.log({ service: 'shop', write: say })],
  });

export const observe = (): Exhibit =>
  exhibit('observe', 'observe passes each event of a call to a listener. Here the listener writes it as a line.', 1, {
    outer: (_values, say) => [
      kyoa.observe((event) => say(`${event.id.slice(0, 8)}  ${event.type.padEnd(18)}  ${describe(event)}`)),
    ],
  });

export const trace = (): Exhibit =>
  exhibit(
    'trace',
    'trace adds a traceparent header to each request: the same trace id for all attempts of a call, another span id for each.',
    1,
    { inner: () => [kyoa.trace()], transport: showingTraceparent },
  );

export const metrics = (): Exhibit => {
  let policy: kyoa.Metrics | undefined;
  return exhibit(
    'metrics',
    'metrics counts the calls and measures them, in constant memory. This is its snapshot.',
    6,
    {
      outer: () => [(policy ??= kyoa.metrics())],
      text: () => {
        if (policy === undefined) return '';
        const {
          routes: _,
          'http.client.request.duration': _http,
          'kyoa.call.duration': _call,
          ...totals
        } = policy.snapshot();
        const members = Object.entries(totals).map(([name, value]) =>
          `${name}: ${typeof value === 'number' ? Math.round(value * 100) / 100 : '–'}`.padEnd(22),
        );
        return [members.slice(0, 4), members.slice(4, 8), members.slice(8)].map((row) => row.join('')).join('\n');
      },
    },
  );
};

function showingTraceparent(fetch: Fetch, _values: unknown, say: Say): Fetch {
  return (input, init) => {
    const request = input instanceof Request ? input : new Request(input, init);
    say(`${new URL(request.url).search.slice(1).padEnd(8)} traceparent: ${request.headers.get('traceparent')}`);
    return fetch(input, init);
  };
}

function exhibit(title: string, about: string, rate: number, plan: Plan): Exhibit {
  return {
    title,
    about: `Some responses are a 503, which retry repeats. ${about}`,
    weather: { latency: { median: 200, sigma: 0.5 } },
    rate,
    with: { stack: [layer('retry', { 'backoff.base': 300 })], ...plan },
    knobs: [setting('errors.rate', 0.3, [0, 0.8, 0.01]), option('retry', 'retries', 2, [0, 5])],
    figures: [success, p50, perCall],
    legend: ['answered', 'error status'],
  };
}
