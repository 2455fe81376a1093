/** The latency chart: a dot for each call, the quantiles of both lanes as lines, and the adaptive limit. */
import uPlot from 'uplot';
import type { Dots, Session, Ticks } from '../model/types.ts';
import { byId, h, write } from './dom.ts';
import { milliseconds } from './format.ts';
import { palette } from './palette.ts';
import type { Part } from './part.ts';

/** Seconds on the x axis. */
const SPAN = 30;
const HEIGHT = 184;
/** The top of the chart, ms: lost calls, and quantiles of which more calls are lost. */
const TOP = 10_000;

interface Line {
  readonly name: string;
  /** A colour token of the palette. */
  readonly colour: string;
  readonly dash?: number[];
  readonly width: number;
  readonly of: (ticks: Ticks) => readonly number[];
}

const lines: readonly Line[] = [
  { name: 'p50', colour: 'answered', width: 1.5, of: ({ kyoa }) => kyoa.p50 },
  { name: 'p95', colour: 'hedged', width: 1.5, of: ({ kyoa }) => kyoa.p95 },
  { name: 'p99', colour: 'accent', width: 2.2, of: ({ kyoa }) => kyoa.p99 },
  { name: 'plain p99', colour: 'plain', dash: [4, 4], width: 2, of: ({ plain }) => plain.p99 },
  { name: 'adaptive limit', colour: 'timed-out', dash: [9, 4], width: 2, of: ({ limit }) => limit },
];

export function mountLatency(session: Session): Part {
  const values = lines.map(() => h('b', { class: 'number' }, '–'));
  const key = h(
    'ul',
    { class: 'legend chart-key', 'aria-label': 'Lines of the chart' },
    ...lines.map(({ name, colour, dash }, i) =>
      h('li', {}, h('i', { class: dash ? 'line dashed' : 'line', style: `--hue: var(--${colour})` }), name, values[i]!),
    ),
  );
  const stage = h('div', {
    class: 'chart',
    role: 'img',
    'aria-label': 'Latencies of the last 30 seconds on a logarithmic scale; the figures are above the chart',
  });
  byId('latency').append(h('header', {}, h('h3', {}, 'Latency'), key), stage);
  let chart: uPlot | undefined;
  let drawn = Number.NaN;

  function repaint(): void {
    chart?.destroy();
    drawn = Number.NaN;
    chart = new uPlot(options(stage.clientWidth, paintDots), data(), stage);
  }

  function data(): uPlot.AlignedData {
    const ticks = session.ticks();
    return [
      ticks.time.map((ms) => ms / 1_000),
      ...lines.map(({ of }) => of(ticks).map((y) => (y > 0 ? Math.min(TOP, y) : null))),
    ];
  }

  function paintDots(plot: uPlot): void {
    const { ctx, bbox } = plot;
    ctx.save();
    ctx.beginPath();
    ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
    ctx.clip();
    dots(plot, session.dots('plain'), 'plain', 0.5);
    dots(plot, session.dots('kyoa'), 'answered', 0.75);
    ctx.restore();
  }

  function tick(): void {
    const now = session.now / 1_000;
    if (!chart || now === drawn) return;
    drawn = now;
    const rows = data();
    chart.batch(() => {
      chart!.setData(rows, false);
      chart!.setScale('x', { min: now - SPAN, max: now });
      chart!.setScale('y', { min: 3, max: TOP });
    });
    lines.forEach((_, i) => write(values[i]!, milliseconds(valueOf(rows[i + 1]?.at(-1)))));
  }

  return { tick, repaint };
}

function valueOf(y: number | null | undefined): number | undefined {
  return y === TOP ? Infinity : (y ?? undefined);
}

function label(tick: number): string {
  return tick === TOP ? 'lost' : milliseconds(tick);
}

/** A successful call is a dot. A lost call is a short stroke at the top of the chart. A substitute has its own colour. */
function dots(plot: uPlot, { time, latency, outcome }: Dots, colour: string, alpha: number): void {
  const { ctx } = plot;
  const size = 2.4 * devicePixelRatio;
  const from = plot.scales['x']?.min ?? 0;
  ctx.globalAlpha = alpha;
  for (let i = time.length - 1; i >= 0 && time[i]! / 1_000 > from; i -= 1) {
    const isGood = outcome[i] === 'answered' || outcome[i] === 'substitute';
    const hue = outcome[i] === 'substitute' ? 'timed-out' : colour;
    const x = plot.valToPos(time[i]! / 1_000, 'x', true);
    const y = plot.valToPos(Math.max(3, latency[i]!), 'y', true);
    ctx.fillStyle = palette[isGood ? hue : 'failed']!;
    if (isGood) ctx.fillRect(x - size / 2, y - size / 2, size, size);
    else ctx.fillRect(x - size / 4, plot.bbox.top, size / 2, colour === 'plain' ? size * 2 : size * 3.4);
  }
  ctx.globalAlpha = 1;
}

function options(width: number, draw: (plot: uPlot) => void): uPlot.Options {
  const axis: uPlot.Axis = {
    stroke: palette['muted']!,
    font: '11px Inter, system-ui, sans-serif',
    grid: { stroke: palette['line']!, width: 1 },
    ticks: { show: false },
  };
  return {
    width,
    height: HEIGHT,
    padding: [6, 16, 0, 0],
    cursor: { show: false },
    legend: { show: false },
    scales: { x: { time: false, auto: false }, y: { distr: 3, auto: false } },
    axes: [
      { ...axis, size: 24, splits: everyTen, values: (plot, ticks) => ticks.map((t) => secondsAgo(t, plot)) },
      { ...axis, size: 46, splits: () => [10, 100, 1_000, TOP], values: (_, ticks) => ticks.map(label) },
    ],
    series: [
      {},
      ...lines.map(({ name, colour, width, dash }) => ({
        label: name,
        stroke: palette[colour]!,
        width,
        points: { show: false },
        spanGaps: false,
        ...(dash && { dash }),
      })),
    ],
    hooks: { drawAxes: [draw] },
  };
}

function everyTen({ scales }: uPlot): number[] {
  const now = scales['x']?.max ?? 0;
  return [now - 30, now - 20, now - 10, now];
}

function secondsAgo(time: number, { scales }: uPlot): string {
  const ago = Math.round((scales['x']?.max ?? 0) - time);
  return ago === 0 ? 'now' : `−${ago} s`;
}
