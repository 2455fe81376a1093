/** "The handler's side": the same orders at a server without policies, and at one made with `createHandler`. */
import { createShop, shopLimit } from '../model/shop.ts';
import type { Delivery, Shop } from '../model/shop.ts';
import { h, set, write } from './dom.ts';
import { count } from './format.ts';
import type { Pane } from './pane.ts';

/** The maximum of requests that are listed. */
const LISTED = 8;

export function mountHandler(): Pane {
  let loses = true;
  let orders = 0;
  const shops = [createShop('bare', () => loses), createShop('kyoa', () => loses)];
  const views = shops.map(viewOf);
  const lose = h('button', { class: 'chip', type: 'button', 'aria-pressed': 'true' }, 'The first response gets lost');
  lose.addEventListener('click', () => {
    loses = !loses;
    set(lose, { 'aria-pressed': String(loses) });
  });
  const send = (title: string, run: () => void): HTMLElement =>
    h('button', { class: 'button small', type: 'button', onclick: run }, title);
  const element = h(
    'div',
    {},
    h(
      'div',
      { class: 'tools' },
      send('Send an order', () => order(1)),
      send('Ten orders at once', () => order(10)),
      send('Press ten times', () => order(1, 10)),
      lose,
    ),
    h('div', { class: 'search-lanes' }, ...views.map(({ element }) => element)),
  );

  /** Sends new orders, each of them `times` times. */
  function order(different: number, times = 1): void {
    for (let i = 0; i < different; i += 1) {
      orders += 1;
      for (let press = 0; press < times; press += 1) {
        for (const shop of shops) shop.order(`order-${orders}`).catch(reportError);
      }
    }
  }

  return {
    id: 'handler',
    title: 'The handler’s side',
    about:
      `Two servers in this page get the same orders. One has limit (${shopLimit.concurrency} at a time, ${shopLimit.queue} ` +
      'wait) and idempotency around its handler. Both clients retry.',
    element,
    tick: () => views.forEach(({ tick }) => tick()),
  };
}

function viewOf(shop: Shop) {
  const name = shop.name === 'kyoa' ? 'createHandler' : 'without policies';
  const titles = ['Requests', 'Executed', 'Twice', 'Refused'];
  const values = titles.map(() => h('dd', {}, '0'));
  const list = h('ol', { class: 'deliveries', 'aria-label': `Requests at the server ${name}` });
  const element = h(
    'div',
    { class: `search-lane search-${shop.name === 'kyoa' ? 'kyoa' : 'plain'}` },
    h('h3', {}, name),
    h('dl', { class: 'figures' }, ...titles.map((title, i) => h('div', {}, h('dt', {}, title), values[i]!))),
    list,
  );
  const refused = new Set<number>();
  let drawn = '';

  function tick(): void {
    const deliveries = shop.deliveries();
    const key = deliveries.map(({ number, state }) => `${number} ${state}`).join();
    if (key === drawn) return;
    drawn = key;
    for (const { number, state } of deliveries) if (state === 'refused') refused.add(number);
    const executions = [...shop.executions().values()];
    const twice = executions.filter((times) => times > 1).length;
    [deliveries[0]?.number ?? 0, executions.reduce((sum, times) => sum + times, 0), twice, refused.size].forEach(
      (value, i) => write(values[i]!, count(value)),
    );
    values[2]!.dataset['grade'] = twice > 0 ? 'bad' : 'good';
    list.replaceChildren(...deliveries.slice(0, LISTED).map(entryOf));
  }

  return { element, tick };
}

function entryOf({ number, order, state }: Delivery): HTMLElement {
  return h(
    'li',
    { 'data-state': state },
    h('span', { class: 'number' }, String(number)),
    h('code', {}, order),
    h('i', {}, state),
  );
}
