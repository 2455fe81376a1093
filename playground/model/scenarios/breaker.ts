import { outage, recovery, requests, scenario, success, total } from './scenario.ts';
import type { Layer } from './scenario.ts';
import type { Scenario } from '../types.ts';

const circuit: Layer = ['breaker', { volume: 10, window: 5_000 }];

export const breaker: Scenario = scenario(
  {
    id: 'breaker',
    title: "A breaker's life",
    about: 'Closed, open, half-open: it protects a failing server and detects its recovery.',
  },
  [
    {
      title: 'Closed',
      watch: 'onion',
      layers: [total, circuit],
      preset: 'steady',
      rate: 60,
      text: [
        'The server works, and the breaker passes every call. Look beside it in the onion: once it rejects calls, a red number',
        'counts them.',
      ],
    },
    {
      title: 'Open',
      watch: 'waterfall',
      layers: [total, circuit],
      settings: { outage: true },
      text: [
        'The server is down. When half of the calls of the last five seconds have failed, the circuit opens and rejects',
        'calls at once, without a request. About every two seconds one call passes as a probe, and fails.',
      ],
    },
    {
      title: 'Half-open, and closed again',
      watch: 'waterfall',
      layers: [total, circuit],
      settings: { outage: false },
      text: [
        'The server works again. The next probe succeeds, the circuit closes, and all calls pass. The calls before the',
        'probe were lost: that is the price of sparing the server. Look for breaker.probed in the events of a call.',
      ],
    },
    {
      title: 'Your turn',
      watch: 'compare',
      layers: [total, ['retry', {}]],
      settings: { outage: true },
      text: [
        'The server is down, and the retries keep sending to it. Add the layer that spares the server, then end the outage',
        'and wait for the probe.',
      ],
      goal: [requests(0.2, outage), success(0.99, recovery)],
    },
  ],
);
