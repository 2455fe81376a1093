/** The waterfall of calls, its legend, and the selected call. */
import type { CallRecord, Session } from '../model/types.ts';
import { mountCall } from './call.ts';
import { fit } from './canvas.ts';
import { announce, byId, h, set, write } from './dom.ts';
import { outcomeLabels } from './format.ts';
import { glyphIcon } from './glyphs.ts';
import { kindColours } from './palette.ts';
import type { Part } from './part.ts';
import { choose } from './selection.ts';
import { createTracks } from './tracks.ts';
import { paintWaterfall, xOf } from './waterfall-paint.ts';
import type { View } from './waterfall-paint.ts';

const ROWS = 15;
const ROW = 16;
/** How much time the waterfall shows, ms. */
const WINDOW = { wide: 5_000, narrow: 3_000 };

const legend = [
  [outcomeLabels.answered, 'answered'],
  [outcomeLabels['error status'], 'error status'],
  [outcomeLabels.broken, 'broken'],
  [outcomeLabels['timed out'], 'timed out'],
  ['cancelled', 'cancelled'],
  ['retried', undefined, kindColours.retry],
  ['hedged', undefined, kindColours.hedge],
  ['raced', undefined, kindColours.race],
  ['replayed', 'kept'],
  ['shared', 'shared'],
  [outcomeLabels.rejected, 'rejected'],
  ['substitute', 'spare'],
] as const;

export function mountWaterfall(session: Session): Part {
  const canvas = h('canvas', { 'aria-hidden': 'true' });
  const context = canvas.getContext('2d')!;
  const stage = h(
    'div',
    {
      class: 'waterfall-stage',
      tabindex: 0,
      role: 'application',
      'aria-roledescription': 'waterfall of calls',
      'aria-label':
        'Calls as they happen. The left and right arrow keys select a call, Space freezes the picture, Escape deselects',
      onpointerdown: pick,
      onkeydown: steer,
    },
    canvas,
  );
  const freeze = h(
    'button',
    { class: 'button small', type: 'button', 'aria-pressed': 'false', onclick: toggle },
    'Freeze',
  );
  const crowd = h('span', { class: 'crowd' });
  byId('waterfall-tools').append(crowd, freeze);
  byId('waterfall').append(stage, h('ul', { class: 'legend', 'aria-label': 'Legend' }, ...legend.map(entryOf)));

  const tracks = createTracks(ROWS);
  const call = mountCall(byId('call'));
  let view: View = { width: 0, row: ROW, window: WINDOW.wide, now: 0, selected: undefined };
  let scale = 1;
  let frozen: number | undefined;
  /** Whether the picture has changed besides its time. */
  let isDirty = true;

  function repaint(): void {
    const width = stage.clientWidth;
    scale = fit(canvas, width / (ROWS * ROW)) / width;
    view = { ...view, width, window: width < 480 ? WINDOW.narrow : WINDOW.wide };
    isDirty = true;
  }

  function frame(): void {
    // The clock does not move during a pause, and so does the picture.
    const now = frozen ?? session.now;
    if (now === view.now && !isDirty) return;
    isDirty = false;
    if (frozen === undefined) {
      view = { ...view, now };
      tracks.take(session.calls(), view.now, view.window, (view.window / view.width) * 14);
    }
    context.setTransform(scale, 0, 0, scale, 0, 0);
    paintWaterfall(context, tracks.rows, view);
  }

  function select(record: CallRecord | undefined): void {
    view = { ...view, selected: record };
    isDirty = true;
    call.show(record);
    choose(record);
    if (record) announce(call.summary(record));
  }

  function pick({ clientX, clientY }: PointerEvent): void {
    const { left, top } = canvas.getBoundingClientRect();
    const [x, row] = [clientX - left, Math.floor((clientY - top) / ROW)];
    const near = [row, row - 1, row + 1].flatMap((at) => tracks.rows[at] ?? []);
    const hit = near.find(({ start, end }) => x > xOf(start, view) - 9 && x < xOf(end ?? view.now, view) + 9);
    select(hit);
  }

  function steer(event: KeyboardEvent): void {
    if (event.key === ' ') toggle();
    else if (event.key === 'Escape') select(undefined);
    else if (event.key === 'ArrowLeft') step(-1);
    else if (event.key === 'ArrowRight') step(1);
    else return;
    event.preventDefault();
  }

  function step(by: number): void {
    const all = tracks.rows.flat().toSorted((a, b) => a.number - b.number);
    const at = view.selected ? all.indexOf(view.selected) : -1;
    select(at < 0 ? all.findLast(({ end }) => end !== undefined) : (all[at + by] ?? view.selected));
  }

  function toggle(): void {
    frozen = frozen === undefined ? view.now : undefined;
    set(freeze, { 'aria-pressed': String(frozen !== undefined) });
    write(freeze, frozen === undefined ? 'Freeze' : 'Resume');
    isDirty = true;
    if (frozen === undefined) tracks.clear();
  }

  function tick(): void {
    call.tick();
    const hidden = tracks.skipped;
    write(crowd, hidden > 0 ? `${hidden.toLocaleString('en-US')} calls not shown` : '');
  }

  return { frame, tick, repaint };
}

/** A request that is not the first of its call has a tick at its beginning; every other entry is a mark at the end. */
function entryOf([name, fate, tick]: (typeof legend)[number]): HTMLElement {
  const style = `background: var(--${tick})`;
  return h('li', {}, fate ? glyphIcon(fate) : h('i', { class: 'legend-tick', style }), name);
}
