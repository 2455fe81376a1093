/** "Inside one call": the spans of a call as bars, its events as marks, and its line in the log. */
import type { AttemptRecord, CallRecord, Session } from '../model/types.ts';
import { h, write } from './dom.ts';
import { ending, milliseconds } from './format.ts';
import { glyphIcon } from './glyphs.ts';
import type { Pane } from './pane.ts';
import { onChoice } from './selection.ts';

/** How long a call that no visitor has chosen is shown at least, ms. */
const SHOWN = 3_000;
/** The maximum of events that have a mark. */
const MARKS = 40;

export function mountTrace(session: Session): Pane {
  const title = h('h3', {}, 'No call yet');
  const spans = h('ol', { class: 'spans', 'aria-label': 'Spans of the call' });
  const line = h('pre', { class: 'log-line', tabindex: 0, role: 'region', 'aria-label': 'The line of log' });
  const element = h('div', {}, title, spans, h('h3', {}, 'log'), line);
  let chosen: CallRecord | undefined;
  let shown: CallRecord | undefined;
  let since = -Infinity;
  let drawn = '';
  onChoice((call) => {
    chosen = call;
    since = -Infinity;
  });

  function tick(): void {
    if (session.now < since) since = -Infinity; // after a reset
    if (chosen === undefined && session.now - since > SHOWN) {
      const next = session.calls().find(isTelling) ?? session.calls().find(({ end }) => end !== undefined);
      if (next !== shown) since = session.now;
      shown = next;
    }
    draw(chosen ?? shown);
  }

  function draw(call: CallRecord | undefined): void {
    if (call === undefined) return;
    const key = `${call.number} ${call.outcome} ${call.end} ${call.events.length} ${call.attempts.length} ${call.line}`;
    if (key === drawn) return;
    drawn = key;
    const query = call.query ? `?${call.query}` : '';
    write(title, `${chosen ? 'The chosen call' : 'A recent call'}: ${call.method} ${call.path}${query}`);
    spans.replaceChildren(root(call), ...call.attempts.map((attempt) => spanOf(attempt, call)));
    line.replaceChildren(...membersOf(call.line));
  }

  return {
    id: 'trace',
    title: 'Inside one call',
    about: 'The call and its requests as spans, as a tracing system shows them. Choose a call in the waterfall above.',
    element,
    tick,
  };
}

/** Whether a policy did something for the call. */
function isTelling({ end, attempts, marks }: CallRecord): boolean {
  return end !== undefined && attempts.length > 0 && (attempts.length > 1 || marks.size > 0);
}

function root(call: CallRecord): HTMLElement {
  const { outcome, label, start, end } = call;
  const result = end === undefined ? 'running' : `${ending(outcome, label)}, ${milliseconds(end - start)}`;
  const marks = call.events.slice(0, MARKS).map(({ time, type, detail }) => {
    const mark = h('i', { class: 'span-mark', title: `${type} ${detail}` });
    mark.style.left = `${place(time, call)}%`;
    return mark;
  });
  return row('call', result, bar(start, end, call, 'root'), ...marks);
}

function spanOf(attempt: AttemptRecord, call: CallRecord): HTMLElement {
  const { kind, number, region, outcome, status, start, end } = attempt;
  const name = kind === 'first' ? `request ${number}` : `${kind} ${number}`;
  const took = end === undefined ? '' : `, ${milliseconds(end - start)}`;
  const element = row(`${name}, ${region}`, `${status ?? outcome}${took}`, bar(start, end, call, outcome));
  if (outcome !== 'running') {
    const mark = h('span', { class: 'span-end' }, glyphIcon(outcome));
    mark.style.left = `${place(end!, call)}%`;
    element.querySelector('.span-line')!.append(mark);
  }
  return element;
}

function row(name: string, result: string, ...parts: readonly HTMLElement[]): HTMLElement {
  return h('li', {}, h('b', {}, name), h('span', { class: 'span-line' }, ...parts), h('small', {}, result));
}

function bar(start: number, end: number | undefined, call: CallRecord, kind: string): HTMLElement {
  const element = h('i', { class: 'span-bar', 'data-kind': kind });
  const from = place(start, call);
  element.style.left = `${from}%`;
  element.style.width = `${Math.max(0.5, (end === undefined ? 100 : place(end, call)) - from)}%`;
  return element;
}

/** The place of a time in the line of the call, in per cent. */
function place(time: number, { start, end, events, attempts }: CallRecord): number {
  const last = end ?? Math.max(start + 1, ...attempts.map((each) => each.end ?? each.start), events.at(-1)?.time ?? 0);
  return Math.min(100, Math.max(0, ((time - start) / Math.max(1, last - start)) * 100));
}

/** A member in each line. */
function membersOf(line: string): readonly (Node | string)[] {
  if (line === '') return ['The line is written when the call has settled.'];
  return Object.entries(JSON.parse(line) as object)
    .flatMap(([name, value], i) => [
      i === 0 ? '{ ' : ',\n  ',
      h('span', { class: 'log-name' }, `"${name}"`),
      `: ${JSON.stringify(value)}`,
    ])
    .concat(' }');
}
