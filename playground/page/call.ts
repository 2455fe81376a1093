/** The details of one call: its result, its attempts, and the events that kyoa emitted for it. */
import type { CallRecord } from '../model/types.ts';
import { h, write } from './dom.ts';
import { ending, milliseconds } from './format.ts';

export interface CallView {
  readonly show: (record: CallRecord | undefined) => void;
  readonly tick: () => void;
  readonly summary: (record: CallRecord) => string;
}

export function mountCall(host: HTMLElement): CallView {
  const title = h('h3', {});
  const marks = h('span', { class: 'call-marks' });
  const list = h('ol', { class: 'events', tabindex: 0, 'aria-label': 'Events of the call' });
  const hint = h('p', { class: 'hint' }, 'Select a call above, by click or with the arrow keys, to see its events.');
  const story = h('div', { class: 'story', hidden: true }, h('header', {}, title, marks), list);
  host.append(hint, story);
  let shown: CallRecord | undefined;
  let drawn = '';

  function show(record: CallRecord | undefined): void {
    shown = record;
    drawn = '';
    story.hidden = record === undefined;
    hint.hidden = record !== undefined;
    tick();
  }

  /** The selected call may still be running, so its details are updated with every tick. */
  function tick(): void {
    if (!shown) return;
    const key = `${shown.events.length} ${shown.outcome} ${shown.end}`;
    if (key === drawn) return;
    drawn = key;
    write(title, summary(shown));
    marks.replaceChildren(...[...shown.marks].map((mark) => h('i', {}, mark)));
    const { start, dropped } = shown;
    list.replaceChildren(
      ...shown.events.map(({ time, type, detail }) =>
        h(
          'li',
          { 'data-policy': type.split('.')[0] },
          h('time', {}, `${(time - start).toFixed(0)} ms`),
          h('code', {}, type),
          h('span', {}, detail),
        ),
      ),
      ...(dropped > 0 ? [h('li', {}, `and ${dropped} more`)] : []),
    );
  }

  return { show, tick, summary };
}

function summary({ method, path, label, outcome, start, end, attempts }: CallRecord): string {
  const result = end === undefined ? 'running' : `${ending(outcome, label)} after ${milliseconds(end - start)}`;
  const sent = attempts.length === 1 ? '1 request' : `${attempts.length} requests`;
  return `${method} ${path}: ${result}, ${sent}`;
}
