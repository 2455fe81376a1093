/** "Once only": the pay buttons, the server's counts of payments, and the records in the browser. */
import type { LaneName, Payment, PayResult, Session } from '../model/types.ts';
import { announce, byId, h, write } from './dom.ts';
import { ending, milliseconds } from './format.ts';
import { mountInspector } from './inspector.ts';
import type { Part } from './part.ts';

/** The key in localStorage: all tabs pay the same order. */
const SHARED = 'kyoa playground order';

export function mountPay(session: Session): Part {
  const number = h('output', { class: 'order' });
  const counters = { plain: counter('plain', 'Pay with plain fetch'), kyoa: counter('kyoa', 'Pay with kyoa') };
  const inspector = mountInspector();
  byId('pay').append(
    h(
      'div',
      { class: 'pay-order' },
      h('span', {}, 'Order'),
      number,
      h('button', { class: 'button small', type: 'button', onclick: renew }, 'New order'),
    ),
    h('div', { class: 'pay-lanes' }, counters.plain.element, counters.kyoa.element),
    inspector.element,
  );
  if (!localStorage.getItem(SHARED)) renew();
  addEventListener('storage', payments); // another tab has taken a new order
  payments();

  function order(): string {
    return localStorage.getItem(SHARED) ?? '';
  }

  function renew(): void {
    localStorage.setItem(SHARED, `order-${Math.random().toString(36).slice(2, 8)}`);
    payments();
  }

  function payments(): void {
    write(number, order());
    session.payments().then(show, () => show([]));
    inspector.read();
  }

  function show(all: readonly Payment[]): void {
    for (const lane of ['plain', 'kyoa'] as const) {
      counters[lane].show(all.find((each) => each.lane === lane && each.order === order()));
    }
  }

  function counter(lane: LaneName, title: string) {
    let pressed = 0;
    const times = h('b', { class: 'number' }, '0×');
    const note = h('small', {});
    const last = h('p', { class: 'pay-last', 'aria-live': 'polite' });
    const button = h(
      'button',
      { class: `button ${lane === 'kyoa' ? 'primary' : ''}`, type: 'button', onclick: press },
      title,
    );
    const element = h(
      'div',
      { class: 'pay-lane' },
      button,
      h('p', { class: 'charged' }, 'charged ', times),
      note,
      last,
    );

    function press(): void {
      pressed += 1;
      write(last, `Press ${pressed}: sending`);
      session.pay(order(), lane).then(
        (result) => write(last, words(result)),
        (error: unknown) => write(last, String(error)),
      );
    }

    return {
      element,
      show(payment: Payment | undefined) {
        const executions = payment?.executions ?? 0;
        if (executions > 1 && times.textContent !== `${executions}×`) announce(`Charged ${executions} times`);
        write(times, `${executions}×`);
        const arrivals = payment?.arrivals ?? 0;
        write(note, `${arrivals} ${arrivals === 1 ? 'request' : 'requests'} reached the server`);
        element.dataset['grade'] = executions > 1 ? 'bad' : executions === 1 ? 'good' : '';
      },
    };
  }

  return { tick: inspector.tick, payments };
}

function words({ outcome, replayed, duration, label }: PayResult): string {
  const time = milliseconds(duration);
  if (replayed) return `Replayed the first response in ${time}`;
  return outcome === 'answered' ? `Paid in ${time}` : `${ending(outcome, label)} after ${time}: press again?`;
}
