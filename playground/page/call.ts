/** The details of one call: its story in sentences, and the events that kyoa emitted for it. */
import { describeCall } from '../model/story.ts';
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
  const words = h('p', { class: 'story-words' });
  const list = h('ol', { class: 'events', tabindex: 0, 'aria-label': 'Events of the call' });
  const details = h('details', { class: 'story-events' }, h('summary', {}, 'Events'), list);
  const hint = h('p', { class: 'hint' }, 'Select a call above, by click or with the arrow keys, to read its story.');
  const story = h('div', { class: 'story', hidden: true }, h('header', {}, title, marks), words, details);
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
    write(words, sentence(describeCall(shown)));
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

function summary(call: CallRecord): string {
  const { method, path, label, outcome, start, end } = call;
  const result = end === undefined ? 'running' : `${ending(outcome, label)} after ${milliseconds(end - start)}`;
  return `${method} ${path}: ${result}`;
}

function sentence(clauses: readonly string[]): string {
  const [first = 'nothing has happened yet', ...others] = clauses;
  return `${[first.charAt(0).toUpperCase() + first.slice(1), ...others].join('; ')}.`;
}
