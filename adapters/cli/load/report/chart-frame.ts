/** The frame of a chart as SVG. Its size suits a phone, and it grows with the page. */
import type { Scale } from './scale.ts';

const width = 440;
const height = 250;
const left = 58;
const right = 22;
const top = 22;
const bottom = 30;

export interface Point {
  readonly x: number;
  /** Nothing leaves a gap in a line. */
  readonly y: number | undefined;
}

export interface Series {
  readonly name: string;
  /** The class that gives it its colour. */
  readonly colour: string;
}

export interface Chart {
  readonly title: string;
  /** What it shows, for those who cannot see it. */
  readonly about: string;
  readonly x: Scale;
  readonly y: Scale;
  readonly legend: readonly Series[];
  /** Vertical lines with a name: where a part of the run begins. */
  readonly marks?: readonly { readonly x: number; readonly name: string }[];
  readonly draw: (pen: Pen) => string;
}

/** Places values in the plot. */
export interface Pen {
  readonly x: (value: number) => number;
  readonly y: (value: number) => number;
  /** The bottom of the plot. */
  readonly floor: number;
}

export function figureOf({ title, about, x, y, legend, marks = [], draw }: Chart): string {
  const pen: Pen = {
    x: (value) => round(left + x.at(value) * (width - left - right)),
    y: (value) => round(height - bottom - y.at(value) * (height - top - bottom)),
    floor: height - bottom,
  };
  const grid = y.ticks.map(({ at, label }) => {
    const line = round(height - bottom - at * (height - top - bottom));
    return `<path class="grid" d="M${left} ${line}H${width - right}"/><text x="${left - 7}" y="${line + 4}" class="end">${label}</text>`;
  });
  const axis = x.ticks.map(({ at, label }) => {
    const place = round(left + at * (width - left - right));
    // The last label ends with the chart.
    const [middle, anchor] = at > 0.95 ? [width - 2, 'end'] : [place, 'middle'];
    return `<path class="grid" d="M${place} ${height - bottom}v4"/><text x="${middle}" y="${height - 9}" class="${anchor}">${label}</text>`;
  });
  const lines = marks.map(({ x, name }) => {
    const place = pen.x(x);
    // Near the end of the chart, the name is on the left of its line.
    const [at, anchor] = place > width - right - 120 ? [place - 4, 'end'] : [place + 4, 'start'];
    return `<path class="mark" d="M${place} ${top - 6}V${pen.floor}"/><text x="${at}" y="${top - 9}" class="${anchor}">${escaped(name)}</text>`;
  });
  const keys = legend.map(({ name, colour }) => `<li><i class="${colour}"></i>${escaped(name)}</li>`);
  return `<figure>
<figcaption><h2>${escaped(title)}</h2><ul>${keys.join('')}</ul></figcaption>
<svg viewBox="0 0 ${width} ${height}" role="img" aria-label="${escaped(about)}">
${[...grid, ...axis, ...lines, draw(pen)].join('\n')}
</svg>
</figure>`;
}

export function line(points: readonly Point[], { x, y }: Pen, colour: string): string {
  let path = '';
  let isDrawing = false;
  for (const point of points) {
    if (point.y !== undefined) path += `${isDrawing ? 'L' : 'M'}${x(point.x)} ${y(point.y)}`;
    // A point without neighbours is a dot.
    if (point.y !== undefined && !isDrawing) path += 'h.01';
    isDrawing = point.y !== undefined;
  }
  return `<path class="line ${colour}" d="${path}"/>`;
}

/** The points are the beginnings of steps of the given width. */
export function steps(points: readonly Point[], stepWidth: number, { x, y }: Pen, className: string): string {
  const path = points.map((point, index) => {
    const move = index === 0 ? `M${x(point.x)} ${y(point.y ?? 0)}` : `V${y(point.y ?? 0)}`;
    return `${move}H${x(point.x + stepWidth)}`;
  });
  return `<path class="${className}" d="${path.join('')}"/>`;
}

export function bar(from: number, to: number, low: number, high: number, pen: Pen, colour: string): string {
  const gap = Math.min(1, (pen.x(to) - pen.x(from)) / 4);
  const size = `width="${round(pen.x(to) - pen.x(from) - gap)}" height="${round(pen.y(low) - pen.y(high))}"`;
  return `<rect class="fill ${colour}" x="${pen.x(from)}" y="${pen.y(high)}" ${size}/>`;
}

export function escaped(text: string): string {
  return text.replaceAll(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
