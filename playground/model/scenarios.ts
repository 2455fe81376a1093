/** The six guided scenarios, a minute each. A step sets the network and the stack, and describes what to look at. */
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
    about: 'Retries help against single faults and do harm in an outage; a budget distinguishes the two.',
    steps: [
      step('A few errors', 15, 'compare', [total, noBudget], { preset: 'flaky', rate: 60 }, [
        'One call in fifteen fails at first, and a retry succeeds in nearly every case. Success is near 100 %, while',
        'plain fetch loses each of those calls. The cost is small: look at the requests per call.',
      ]),
      step('Then everything fails', 15, 'compare', [total, noBudget], { settings: { outage: true } }, [
        'The same retries in an outage: every call sends four requests to a server that is already down. This is a retry',
        'storm. It can prevent the recovery of a server.',
      ]),
      step('With a budget', 15, 'compare', [total, ['retry', { 'budget.floor': 1 }]], { settings: { outage: true } }, [
        'Now retries may add at most a fifth to the traffic: about 1.2 requests per call in the outage, instead of four.',
        'No further call is lost, because no retry could have succeeded.',
      ]),
      step('A few errors again', 15, 'compare', [total, ['retry', { 'budget.floor': 1 }]], { preset: 'flaky' }, [
        'The few errors of the first step: the retries stay within the budget, and success is as high as without it.',
      ]),
    ],
  },
  {
    id: 'hedge',
    title: 'Why hedging at p95 works',
    about: 'A second copy of the slowest few per cent of requests cuts the tail with little extra load.',
    steps: [
      step('A long tail', 15, 'chart', [total], { preset: 'slow tail', rate: 100 }, [
        'No request fails, but one response in fifty takes forty times as long. Both p99 lines are far above the median.',
        'Retries do not help against slow responses.',
      ]),
      step('A second copy', 25, 'chart', [total, ['hedge', { ratio: 0.05 }]], {}, [
        'A request that is slower than 95 % of the earlier ones is sent a second time. The first response wins, and the',
        'other copy is cancelled. Once a few dozen calls have set the delay, p99 falls to an eighth of plain fetch’s.',
      ]),
      step('What it costs', 20, 'compare', [total, ['hedge', { ratio: 0.05 }]], {}, [
        'About 5 % more requests, as the ratio allows. Look for calls with two bars in the waterfall: the slow copy is',
        'cancelled as soon as the fast copy has a response.',
      ]),
    ],
  },
  {
    id: 'breaker',
    title: "A breaker's life",
    about: 'Closed, open, half-open: it protects a failing server and detects its recovery.',
    steps: [
      step('Closed', 10, 'onion', [total, ['breaker', { volume: 10, window: 5_000 }]], { preset: 'steady', rate: 60 }, [
        'The server works, and the breaker passes every call: as many calls enter the network as enter the breaker.',
      ]),
      step(
        'Open',
        20,
        'waterfall',
        [total, ['breaker', { volume: 10, window: 5_000 }]],
        { settings: { outage: true } },
        [
          'The server is down. When half of the calls of the last five seconds have failed, the circuit opens and rejects',
          'calls at once, without a request. About every two seconds one call passes as a probe, and fails.',
        ],
      ),
      step(
        'Half-open, and closed again',
        20,
        'waterfall',
        [total, ['breaker', { volume: 10, window: 5_000 }]],
        { settings: { outage: false } },
        [
          'The server works again. The next probe succeeds, the circuit closes, and all calls pass. Look for',
          'breaker.probed and breaker.closed in the events of a call.',
        ],
      ),
    ],
  },
  {
    id: 'adaptive',
    title: 'An adaptive timeout through a slow-down',
    about: 'A limit that follows the latencies: tight while they are short, and raised soon after they become longer.',
    steps: [
      step('Learning', 15, 'chart', [total, ['retry', {}], adaptive], { preset: 'steady', rate: 80 }, [
        'The limit of an attempt starts at 500 ms. After twenty responses it is twice the 99th percentile of their',
        'latencies: its line in the chart falls.',
      ]),
      step(
        'Ten times slower',
        25,
        'chart',
        [total, ['retry', {}], adaptive],
        { settings: { latency: { median: 250 } } },
        [
          'The service becomes permanently slower. A few attempts time out, and each timeout doubles the limit. Within a',
          'second or two all calls succeed again. With a fixed limit of 100 ms nearly every call would time out.',
        ],
      ),
      step('Quick again', 20, 'chart', [total, ['retry', {}], adaptive], { settings: { latency: { median: 20 } } }, [
        'The service recovers. The limit falls again as the slow responses leave its window.',
      ]),
    ],
  },
  {
    id: 'once',
    title: 'Exactly once, across a reload',
    about: 'A payment whose button is pressed ten times, in two tabs, with a reload in between, is executed once.',
    steps: [
      step('Pay with plain fetch', undefined, 'pay', [total, keyed, ['retry', {}]], { preset: 'brown-out', rate: 5 }, [
        'Press the button of plain fetch a few times, as an impatient customer would. Many requests fail, some of them',
        'after the server executed the payment. The server counts every execution.',
      ]),
      step('Pay with kyoa', undefined, 'pay', [total, keyed, ['retry', {}]], {}, [
        'Now press the other button many times. Every press and every retry sends the same key for the order: the server',
        'executes the order once, and later presses get the stored response.',
      ]),
      step('Reload, or open a second tab', undefined, 'pay', [total, keyed, ['retry', {}]], {}, [
        'Reload the page, even during a payment, or open the same link in another tab and press again. Both tabs share',
        'the record in IndexedDB, so the order is still executed once.',
      ]),
    ],
  },
  {
    id: 'canary',
    title: 'Canary and failover',
    about: 'A new version receives a few of the calls; a dead region receives none.',
    steps: [
      step(
        'A canary',
        20,
        'waterfall',
        [total, ['retry', {}], regional({ 'weight.eu': 9, 'weight.us': 0, 'weight.ap': 1, eject: false })],
        { preset: 'steady', rate: 60, settings: { regions: { ap: { errors: 0.3 } } } },
        [
          'The new version runs in ap and gets one call in ten. Many of its responses are errors, but few calls are lost: a',
          'retry goes to a region that the call has not tried yet.',
        ],
      ),
      step(
        'A region dies',
        20,
        'compare',
        [total, ['retry', {}], regional({ 'weight.eu': 1, 'weight.us': 1, 'weight.ap': 1, eject: false })],
        { preset: 'one dead region' },
        [
          'eu is down. Plain fetch has no other address and loses every call. kyoa distributes its calls over three regions:',
          'a third of them start in the dead region and need a retry.',
        ],
      ),
      step('Ejected', 20, 'compare', [total, ['retry', {}], regional({ 'eject.failures': 3 })], {}, [
        'After three consecutive failures a region is ejected for a while, longer each time. Retries become rare, and the',
        'requests per call return to one.',
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
  // Only the first step of a scenario sets the rate.
  return { title, text: text.join(' '), change, reset: rate !== undefined, seconds, watch };
}

/** The id of a layer is the same in every step, so that a layer that does not change keeps its state. */
function entry([policy, options = {}]: Layer, at: number): Stack[number] {
  return { id: policy === 'timeout' && at > 0 ? 'attempt' : policy, policy, on: true, options };
}
