/** "Shared and stored": what dedupe and staleIfError save, for each of the hot items. */
import type { CallRecord, Session } from '../model/types.ts';
import { h, set, write } from './dom.ts';
import { count } from './format.ts';
import { wishFor } from './pane.ts';
import type { Pane } from './pane.ts';

/** The maximum of items that have a row of their own. */
const ROWS = 6;

const columns = ['calls', 'requests', 'shared', 'substitutes'] as const;

export function mountHot(session: Session): Pane {
  const wishes = [
    wishFor(session, 'dedupe', 'Without dedupe every call sends a request.'),
    wishFor(session, 'staleIfError', 'Without staleIfError a failed call gets nothing.'),
  ];
  const heat = toggle('Many calls ask for a few hot items', () => {
    const { hot } = session.configuration.settings.calls;
    session.changeSettings({ calls: { hot: hot > 0 ? 0 : 0.5 } });
  });
  const store = toggle('Responses may be stored', () => {
    session.changeSettings({ storable: !session.configuration.settings.storable });
  });
  const body = h('tbody', {});
  const heads = ['Item', ...columns].map((title) => h('th', { scope: 'col' }, title));
  const table = h('table', { class: 'hot-table' }, h('caption', { class: 'sr' }, 'The last calls by item'));
  table.append(h('thead', {}, h('tr', {}, ...heads)), body);
  const rows = Array.from({ length: ROWS + 1 }, () => {
    const name = h('th', { scope: 'row' });
    const cells = columns.map(() => h('td', { class: 'number' }));
    const meter = h('i', { class: 'hot-bar' });
    cells[1]!.append(h('span', {}), meter);
    const element = h('tr', { hidden: true }, name, ...cells);
    body.append(element);
    return { element, name, cells, meter };
  });
  const element = h('div', {}, h('div', { class: 'tools' }, heat, store), ...wishes.map((wish) => wish.element), table);

  function update(): void {
    const { calls, storable } = session.configuration.settings;
    set(heat, { 'aria-pressed': String(calls.hot > 0) });
    set(store, { 'aria-pressed': String(storable) });
    for (const wish of wishes) wish.update();
  }

  function tick(): void {
    const { hot, items } = session.configuration.settings.calls;
    const groups = group(session.calls(), hot > 0 ? items : 0);
    rows.forEach(({ element, name, cells, meter }, i) => {
      const [item, calls] = groups[i] ?? [];
      element.hidden = item === undefined;
      if (item === undefined || calls === undefined) return;
      write(name, item);
      const values = [
        calls.length,
        calls.reduce((sum, { attempts }) => sum + attempts.length, 0),
        calls.filter(({ marks }) => marks.has('deduped')).length,
        calls.filter(({ marks }) => marks.has('stale')).length,
      ];
      values.forEach((value, at) => write(at === 1 ? cells[1]!.firstElementChild! : cells[at]!, count(value)));
      meter.style.scale = `${Math.min(1, values[1]! / Math.max(1, values[0]!))} 1`;
    });
  }

  return {
    id: 'hot',
    title: 'Shared and stored',
    about:
      'The last 200 calls by the item that they ask for. dedupe shares requests; staleIfError returns what is stored.',
    element,
    update,
    tick,
  };
}

/** The hot items by their number, of which there are `items` at least, and then all other calls. */
function group(
  calls: readonly CallRecord[],
  items: number,
): readonly (readonly [item: string, calls: readonly CallRecord[]])[] {
  const ended = calls.filter(({ method, end }) => method === 'GET' && end !== undefined);
  const byItem = new Map<string, CallRecord[]>();
  for (let item = 1; item <= Math.min(items, ROWS); item += 1) byItem.set(String(item), []);
  const others: CallRecord[] = [];
  for (const call of ended) {
    const [, item] = /^id=hot-(\d+)$/.exec(call.query) ?? [];
    const calls = item === undefined ? others : (byItem.get(item) ?? []);
    if (item !== undefined) byItem.set(item, calls);
    calls.push(call);
  }
  const hot = [...byItem].toSorted(([a], [b]) => Number(a) - Number(b)).slice(0, ROWS);
  return [...hot.map(([item, calls]) => [`hot ${item}`, calls] as const), ['all others', others]];
}

function toggle(label: string, flip: () => void): HTMLElement {
  return h('button', { class: 'chip', type: 'button', onclick: flip }, label);
}
