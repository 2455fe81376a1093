import { scenario, total } from './scenario.ts';
import type { Layer } from './scenario.ts';
import type { PayResult, Scenario } from '../types.ts';

const keyed: Layer = ['idempotency', { storage: 'indexeddb' }];
const presses = 5;

export const once: Scenario = scenario(
  {
    id: 'once',
    title: 'Exactly once, across a reload',
    about: 'A payment whose button is pressed ten times, in two tabs, is executed once.',
  },
  [
    {
      title: 'Pay with plain fetch',
      watch: 'pay',
      layers: [total, keyed, ['retry', {}]],
      preset: 'brown-out',
      rate: 5,
      text: [
        'Press the button of plain fetch a few times, as an impatient customer would. Many requests fail, some of them',
        'after the server executed the payment. The server counts every execution.',
      ],
    },
    {
      title: 'Pay with kyoa',
      watch: 'pay',
      layers: [total, keyed, ['retry', {}]],
      text: [
        'Now press the other button many times. Every press and every retry sends the same key for the order: the server',
        'executes the order once, and later presses get the stored response.',
      ],
    },
    {
      title: 'Reload, or open a second tab',
      watch: 'pay',
      layers: [total, keyed, ['retry', {}]],
      text: [
        'Reload the page, even during a payment, or open the same link in another tab and press again. Both tabs share',
        'the record in IndexedDB, so the order is still executed once.',
      ],
    },
    {
      title: 'Your turn',
      watch: 'pay',
      layers: [total, ['retry', {}]],
      reset: true,
      text: [
        'The onion has lost its idempotency. Add the layer, take a new order, and press the button of kyoa five times.',
      ],
      goal: [
        {
          title: `${presses} presses for one order through kyoa, of which all but the first replay its response`,
          read(session) {
            const results = latestOrder(session.paid());
            const replays = results.filter(({ replayed }) => replayed).length;
            const isReached = results.length >= presses && replays >= results.length - 1;
            return { value: `${results.length} presses, ${replays} replayed`, isReached };
          },
        },
      ],
    },
  ],
);

function latestOrder(all: readonly PayResult[]): readonly PayResult[] {
  const ofKyoa = all.filter(({ lane, outcome }) => lane === 'kyoa' && outcome === 'answered');
  return ofKyoa.filter(({ order }) => order === ofKyoa.at(-1)?.order);
}
