/** Lists the records that kyoa stores in this browser's IndexedDB, and the time until they expire. */
import { openRecords } from '../model/records.ts';
import type { StoredRecord } from '../model/types.ts';
import { h, write } from './dom.ts';

export interface Inspector {
  readonly element: HTMLElement;
  readonly read: () => void;
  readonly tick: () => void;
}

interface Row {
  readonly element: HTMLElement;
  readonly tick: () => void;
}

export function mountInspector(): Inspector {
  const records = openRecords();
  const body = h('tbody', {});
  const empty = h('p', { class: 'hint' }, 'No records. Pay with kyoa: the response is stored here for repeated calls.');
  const clear = h('button', { class: 'button small', type: 'button', onclick: wipe }, 'Clear');
  const table = h(
    'table',
    { class: 'records' },
    h('caption', { class: 'sr' }, 'Records in IndexedDB'),
    h(
      'thead',
      {},
      h('tr', {}, ...['Key', 'State', 'Expires in', 'Bytes'].map((title) => h('th', { scope: 'col' }, title))),
    ),
    body,
  );
  const element = h(
    'div',
    { class: 'inspector' },
    h('header', {}, h('h3', {}, 'IndexedDB'), clear),
    h('div', { class: 'records-scroll', tabindex: 0, role: 'region', 'aria-label': 'Records' }, table, empty),
  );
  let rows: readonly Row[] = [];
  let drawn = '';
  let isReading = false;

  function read(): void {
    if (isReading) return;
    isReading = true;
    records
      .list()
      .then(show, () => show([]))
      .finally(() => (isReading = false));
  }

  function show(all: readonly StoredRecord[]): void {
    const key = all.map(({ key, version, state }) => `${key} ${version} ${state}`).join();
    empty.hidden = all.length > 0;
    table.hidden = all.length === 0;
    clear.disabled = all.length === 0;
    if (key === drawn) return;
    drawn = key;
    rows = all.map(rowOf);
    body.replaceChildren(...rows.map(({ element }) => element));
    tick();
  }

  function wipe(): void {
    records.clear().then(read, read);
  }

  function tick(): void {
    for (const row of rows) row.tick();
  }

  return { element, read, tick };
}

function rowOf({ key, state, expires, bytes, value }: StoredRecord): Row {
  const left = h('td', { class: 'number' });
  const name = h('details', {}, h('summary', {}, h('code', {}, key)), h('pre', {}, value));
  const element = h(
    'tr',
    { 'data-state': state },
    h('td', {}, name),
    h('td', {}, h('i', { class: 'state' }, state)),
    left,
    h('td', { class: 'number' }, String(bytes)),
  );
  return { element, tick: () => write(left, expires === undefined ? 'never' : countdown(expires - Date.now())) };
}

function countdown(left: number): string {
  if (left <= 0) return 'expired';
  const seconds = Math.ceil(left / 1_000);
  const parts = [Math.floor(seconds / 3_600), Math.floor(seconds / 60) % 60, seconds % 60];
  return parts.map((part) => String(part).padStart(2, '0')).join(':');
}
