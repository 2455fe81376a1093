/** "The queue of limit": its permits, the calls that wait for one, and both over the last half minute. */
import type { Session } from '../model/types.ts';
import { h, s, set, write } from './dom.ts';
import { wishFor } from './pane.ts';
import type { Pane } from './pane.ts';

/** The maximum of permits and of waiting calls that are drawn one by one. */
const DRAWN = 60;
/** Points of the chart: half a minute, five a second. */
const POINTS = 150;
const chart = { width: 320, height: 80 } as const;

interface Sample {
  readonly running: number;
  readonly waiting: number;
  readonly permits: number;
}

export function mountQueue(session: Session): Pane {
  const wish = wishFor(session, 'limit', 'Without limit every call is sent at once.');
  const words = h('p', { class: 'queue-words number' });
  const permits = h('span', { class: 'permits', 'aria-hidden': 'true' });
  const waiting = h('span', { class: 'waiting', 'aria-hidden': 'true' });
  const lines = {
    waiting: s('polyline', { class: 'queue-waiting' }),
    permits: s('polyline', { class: 'queue-permits' }),
    running: s('polyline', { class: 'queue-running' }),
  };
  const picture = s('svg', {
    viewBox: `0 0 ${chart.width} ${chart.height}`,
    preserveAspectRatio: 'none',
    'aria-hidden': 'true',
  });
  picture.append(lines.waiting, lines.running, lines.permits);
  const top = h('span', { class: 'number' });
  const legend = h('ul', { class: 'legend', 'aria-label': 'Legend' });
  for (const [kind, name] of [
    ['running', 'running'],
    ['waiting', 'waiting'],
    ['permits', 'permits'],
  ]) {
    legend.append(h('li', {}, h('i', { class: `queue-key queue-${kind}` }), name!));
  }
  legend.append(h('li', {}, 'top: ', top));
  const content = h('div', {}, words, h('div', { class: 'queue-stage' }, permits, waiting), picture, legend);
  const element = h('div', {}, wish.element, content);
  let samples: Sample[] = [];

  function update(): void {
    wish.update();
    content.hidden = !wish.element.hidden;
    if (content.hidden) samples = [];
  }

  function sample(): void {
    if (content.hidden) return;
    const { running = 0, waiting = 0, concurrency = Number.NaN } = session.state().limit ?? {};
    samples = [...samples, { running, waiting, permits: concurrency }].slice(-POINTS);
  }

  function tick(): void {
    const last = samples.at(-1);
    if (last === undefined) return;
    const { running, waiting: queued, permits: concurrency } = last;
    const of = Number.isNaN(concurrency) ? '' : ` of ${concurrency} permits in use`;
    write(words, `${running}${of || ' running'}, ${queued} ${queued === 1 ? 'call waits' : 'calls wait'}`);
    fill(permits, Math.max(running, Number.isNaN(concurrency) ? 0 : concurrency), running);
    fill(waiting, queued, 0);
    const highest = Math.max(4, ...samples.map((each) => Math.max(each.running, each.waiting, each.permits || 0)));
    write(top, String(highest));
    for (const name of ['running', 'waiting', 'permits'] as const) {
      set(lines[name], {
        points: pointsOf(
          samples.map((sample) => sample[name]),
          highest,
        ),
      });
    }
  }

  return {
    id: 'queue',
    title: 'The queue of limit',
    about: 'Each call holds a permit until its whole body is read. When all permits are taken, the next calls wait.',
    element,
    update,
    sample,
    tick,
  };
}

/** Shows `count` boxes, of which the first `used` are filled. */
function fill(host: HTMLElement, count: number, used: number): void {
  const drawn = Math.min(DRAWN, Math.floor(count));
  while (host.childElementCount > drawn) host.lastElementChild!.remove();
  while (host.childElementCount < drawn) host.append(h('i', {}));
  [...host.children].forEach((box, i) => box.classList.toggle('used', i < used));
  host.dataset['more'] = count > DRAWN ? `+${Math.floor(count) - DRAWN}` : '';
}

function pointsOf(values: readonly number[], highest: number): string {
  const step = chart.width / (POINTS - 1);
  const first = chart.width - (values.length - 1) * step;
  return values
    .map((value, i) => [first + i * step, chart.height - 2 - ((value || 0) / highest) * (chart.height - 6)])
    .map(([x, y]) => `${x!.toFixed(1)},${y!.toFixed(1)}`)
    .join(' ');
}
