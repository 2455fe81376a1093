/** Six guided walks of a minute each: a weather, a stack, and what to look at. */
import type { OptionValues, PolicyName, Scenario, Stack, Step } from './types.ts';

type Layer = readonly [policy: PolicyName, options?: OptionValues];

const total: Layer = ['timeout', { total: 5_000 }];
const noBudget: Layer = ['retry', { retries: 3, budget: false, 'backoff.base': 100 }];
const adaptive: Layer = [
  'timeout',
  {
    'headers.kind': 'p99',
    'headers.factor': 2,
    'headers.min': 100,
    'headers.max': 2_500,
    'headers.initial': 500,
    'headers.minSamples': 20,
  },
];
const keyed: Layer = ['idempotency', { storage: 'indexeddb' }];
const regional = (options: OptionValues): Layer => ['endpoints', { 'eject.for': 5_000, ...options }];

export const scenarios: readonly Scenario[] = [
  {
    id: 'storm',
    title: 'Retry storms and budgets',
    about: 'Retries help with mishaps and hurt in an outage; a budget tells the two apart.',
    steps: [
      step('A few errors', 15, 'compare', [total, noBudget], { preset: 'flaky', rate: 60 }, [
        'One call in fifteen meets a mishap, and a retry mends nearly all of them. Success is near 100 %, where plain',
        'fetch loses each of those calls. The price is small: look at the requests per call.',
      ]),
      step('Then everything fails', 15, 'compare', [total, noBudget], { settings: { outage: true } }, [
        'The same retries in an outage: every call is sent four times, to a server that is down already. That is a retry',
        'storm, and it keeps servers from coming back.',
      ]),
      step('With a budget', 15, 'compare', [total, ['retry', { 'budget.floor': 1 }]], { settings: { outage: true } }, [
        'Retries may now add a fifth to the traffic, no more: in the outage about 1.2 requests a call, where it was four;',
        'nobody is worse off, for no retry could have helped.',
      ]),
      step('And it still helps', 15, 'compare', [total, ['retry', { 'budget.floor': 1 }]], { preset: 'flaky' }, [
        'Back to the few errors: the budget is never reached, and success is as high as it was without it.',
      ]),
    ],
  },
  {
    id: 'hedge',
    title: 'Why hedging at p95 works',
    about: 'A second copy of the slowest few per cent cuts the tail for hardly any load.',
    steps: [
      step('A long tail', 15, 'chart', [total], { preset: 'slow tail', rate: 100 }, [
        'Every answer is good, but one in fifty takes forty times as long. Both p99 lines are far above the median, and',
        'no retry would help: nothing fails.',
      ]),
      step('A second copy', 25, 'chart', [total, ['hedge', { ratio: 0.05 }]], {}, [
        'Whatever is slower than 95 % of the calls before it gets a second copy; the first answer wins and the other is',
        'cancelled. After a few dozen calls the delay is learnt, and within ten seconds p99 is an eighth of plain fetch’s.',
      ]),
      step('What it costs', 20, 'compare', [total, ['hedge', { ratio: 0.05 }]], {}, [
        'About 5 % more requests, as was allowed. In the waterfall, look for calls with two bars: the slow one ends the',
        'moment the quick one answers.',
      ]),
    ],
  },
  {
    id: 'breaker',
    title: "A breaker's life",
    about: 'Closed, open, half-open: it spares a failing server, and notices when it is back.',
    steps: [
      step('Closed', 10, 'onion', [total, ['breaker', { volume: 10, window: 5_000 }]], { preset: 'steady', rate: 60 }, [
        'All is well, and the breaker passes everything. As many calls enter the network as enter the breaker.',
      ]),
      step(
        'Open',
        20,
        'waterfall',
        [total, ['breaker', { volume: 10, window: 5_000 }]],
        { settings: { outage: true } },
        [
          'The server is down. Once half of the last five seconds’ calls have failed the circuit opens: calls are rejected',
          'at once, without a request. Every two seconds or so one of them is a probe, and it fails.',
        ],
      ),
      step(
        'Half-open, and closed again',
        20,
        'waterfall',
        [total, ['breaker', { volume: 10, window: 5_000 }]],
        { settings: { outage: false } },
        [
          'The server is back. The next probe succeeds, the circuit closes, and all calls pass again: look for',
          'breaker.probed and breaker.closed among the events of a call.',
        ],
      ),
    ],
  },
  {
    id: 'adaptive',
    title: 'An adaptive timeout through a slow-down',
    about: 'A limit that follows the latencies: tight while they are short, and never in the way for long.',
    steps: [
      step('Learning', 15, 'chart', [total, ['retry', {}], adaptive], { preset: 'steady', rate: 80 }, [
        'The limit of an attempt begins at 500 ms. After twenty answers it is twice the 99th percentile of what it has',
        'seen: the line in the chart comes down.',
      ]),
      step(
        'Ten times slower',
        25,
        'chart',
        [total, ['retry', {}], adaptive],
        { settings: { latency: { median: 250 } } },
        [
          'The service gets slow for good. A few attempts run into the limit, and each time it doubles; within a second or',
          'two everything is answered again. A fixed limit of 100 ms would cut off nearly every call.',
        ],
      ),
      step('Quick again', 20, 'chart', [total, ['retry', {}], adaptive], { settings: { latency: { median: 20 } } }, [
        'The service recovers, and the limit follows it down as the slow answers leave its window.',
      ]),
    ],
  },
  {
    id: 'once',
    title: 'Exactly once, across a reload',
    about: 'A payment that is pressed ten times, in two tabs, with a reload between, is executed once.',
    steps: [
      step('Pay by plain fetch', undefined, 'pay', [total, keyed, ['retry', {}]], { preset: 'brown-out', rate: 5 }, [
        'Press the button of plain fetch a few times, as an impatient customer would. Many requests get lost, some of',
        'them after the money has gone over the counter: the server counts each execution.',
      ]),
      step('Pay through kyoa', undefined, 'pay', [total, keyed, ['retry', {}]], {}, [
        'Now hammer the other button. However often you press and however often kyoa has to try, the order carries one',
        'key: the server executes it once, and later presses get the recorded answer.',
      ]),
      step('Reload, or open a second tab', undefined, 'pay', [total, keyed, ['retry', {}]], {}, [
        'Reload the page, even while a payment is under way, or open the same link in another tab and press again. The',
        'record is in IndexedDB, which both share: still one execution.',
      ]),
    ],
  },
  {
    id: 'canary',
    title: 'Canary and failover',
    about: 'A new version gets a few of the calls; a dead region gets none.',
    steps: [
      step(
        'A canary',
        20,
        'waterfall',
        [total, ['retry', {}], regional({ 'weight.eu': 9, 'weight.us': 0, 'weight.ap': 1, eject: false })],
        { preset: 'steady', rate: 60, settings: { regions: { ap: { errors: 0.3 } } } },
        [
          'The new version runs in ap and gets one call in ten. It fails too often, but hardly anybody notices: a retry',
          'goes to a region that this call has not tried.',
        ],
      ),
      step(
        'A region dies',
        20,
        'compare',
        [total, ['retry', {}], regional({ 'weight.eu': 1, 'weight.us': 1, 'weight.ap': 1, eject: false })],
        { preset: 'one dead region' },
        [
          'eu is down. Plain fetch knows no other address and loses every call. kyoa spreads over three regions: a third of',
          'the calls begin in the dead one, and each of them needs a retry.',
        ],
      ),
      step('Ejected', 20, 'compare', [total, ['retry', {}], regional({ 'eject.failures': 3 })], {}, [
        'After three failures in a row a region is left alone for a while, longer each time. Retries all but vanish, and',
        'requests per call come back to one.',
      ]),
    ],
  },
];

function step(
  title: string,
  seconds: number | undefined,
  watch: Step['watch'],
  layers: readonly Layer[],
  { preset, rate, settings }: Pick<Step['change'], 'preset' | 'rate' | 'settings'>,
  text: readonly string[],
): Step {
  const change = {
    stack: layers.map(entry),
    ...(preset !== undefined && { preset }),
    ...(rate !== undefined && { rate }),
    ...(settings !== undefined && { settings }),
  };
  // A step that names its calls a second is the first of its scenario.
  return { title, text: text.join(' '), change, reset: rate !== undefined, seconds, watch };
}

/** The same layer in the next step is the same entry, and keeps what it has learnt. */
function entry([policy, options = {}]: Layer, at: number): Stack[number] {
  return { id: policy === 'timeout' && at > 0 ? 'attempt' : policy, policy, on: true, options };
}
