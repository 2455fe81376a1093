/** "Orders without a network": what becomes of them when the network, and then the page, goes away. */
import { createOrderApp, fateOf } from '../model/orders.ts';
import type { Fate, Order, OrderLane } from '../model/orders.ts';
import { announce, h, set, write } from './dom.ts';
import type { Pane } from './pane.ts';

export function mountOrders(): Pane {
  const lanes = [mountLane('plain', 'a list in the page'), mountLane('kyoa', 'kyoa’s outbox')];
  let isOnline = true;
  const order = button('Order', () => {
    for (const { app } of lanes) app.order();
    tick();
  });
  const network = button('Go offline', () => {
    isOnline = !isOnline;
    for (const { app } of lanes) app.setOnline(isOnline);
    write(network, isOnline ? 'Go offline' : 'Go online');
    announce(isOnline ? 'The network is back' : 'The network is away');
    tick();
  });
  const reload = button('Reload the page', () => {
    for (const { app } of lanes) app.reload();
    announce('Both pages were loaded again');
    tick();
  });

  function tick(): void {
    for (const lane of lanes) lane.tick();
  }

  return {
    id: 'orders',
    title: 'Orders without a network',
    about:
      'Go offline, order, reload, go online. Go offline right after an order, too: the server may execute it while its response ' +
      'is lost.',
    element: h(
      'div',
      {},
      h('div', { class: 'tools' }, order, network, reload),
      h('div', { class: 'order-lanes' }, ...lanes.map(({ element }) => element)),
    ),
    tick,
  };
}

function button(label: string, onclick: () => void): HTMLElement {
  return h('button', { class: 'button small', type: 'button', onclick }, label);
}

function mountLane(lane: OrderLane, name: string) {
  const app = createOrderApp(lane);
  const list = h('ol', { class: 'orders', 'aria-label': `Orders, ${name}` });
  const words = h('p', { class: 'order-words' });
  const element = h('div', { class: 'order-lane' }, h('h3', {}, name), list, words);
  let shown = '';

  function tick(): void {
    const orders = app.orders();
    const key = JSON.stringify(orders);
    if (key === shown) return;
    shown = key;
    const [text, isBad] = wordsOf(orders);
    write(words, text);
    set(element, { 'data-bad': isBad });
    list.replaceChildren(...orders.map(item));
  }
  return { app, element, tick };
}

function item(order: Readonly<Order>): HTMLElement {
  const fate = fateOf(order);
  const { mark, words } = fates[fate];
  return h(
    'li',
    { 'data-fate': fate, title: `${order.id}: ${words}` },
    h('span', { 'aria-hidden': 'true' }, mark),
    h('span', { class: 'sr' }, words),
  );
}

const fates: Readonly<Record<Fate, { readonly mark: string; readonly words: string }>> = {
  sending: { mark: '…', words: 'sending' },
  waiting: { mark: '‖', words: 'waiting' },
  arrived: { mark: '✓', words: 'arrived' },
  lost: { mark: '✗', words: 'lost' },
  doubled: { mark: '×2', words: 'executed twice' },
  unnoticed: { mark: '?', words: 'executed, and the page does not know' },
};

function wordsOf(orders: readonly Readonly<Order>[]): readonly [text: string, isBad: boolean] {
  const count = (fate: Fate): number => orders.filter((order) => fateOf(order) === fate).length;
  const executed = orders.filter(({ executions }) => executions > 0).length;
  const [waiting, lost, doubled, unnoticed] = [count('waiting'), count('lost'), count('doubled'), count('unnoticed')];
  const parts = [
    `${executed} of ${orders.length} executed`,
    ...(unnoticed > 0 ? [`${unnoticed} of them unnoticed`] : []),
    ...(waiting > 0 ? [`${waiting} waiting`] : []),
    ...(lost > 0 ? [`${lost} lost`] : []),
    ...(doubled > 0 ? [`${doubled} executed twice`] : []),
  ];
  return [parts.join(', '), lost + doubled + unnoticed > 0];
}
