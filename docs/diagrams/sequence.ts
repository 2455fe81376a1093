/** Messages between the parts of a program, from top to bottom, as an SVG that reads on light and dark pages. */
import { style } from './timeline.ts';

export interface Sequence {
  /** What the picture shows, for people who cannot see it. */
  readonly title: string;
  readonly parts: readonly string[];
  readonly steps: readonly Step[];
}

export interface Step {
  /** The index of the part that acts. */
  readonly at: number;
  /** The index of the part that receives a message; absent for a step within one part. */
  readonly to?: number;
  readonly text: string;
  /** What comes back is drawn in another colour. */
  readonly isReturn?: boolean;
}

const width = 860;
const margin = 56;
const head = 44;
const rowHeight = 27;

export function sequence({ title, parts, steps }: Sequence): string {
  const height = head + steps.length * rowHeight + 12;
  const x = (index: number): number => Math.round(margin + (index / (parts.length - 1)) * (width - 2 * margin));
  const columns = parts.map((name, index) => {
    const [first, second] = name.split(' ');
    const label = (text: string | undefined, y: number): string =>
      text === undefined ? '' : `<text class="name" x="${x(index)}" y="${y}" text-anchor="middle">${text}</text>`;
    return `${label(first, 14)}${label(second, 28)}<path class="lane" d="M${x(index)} ${head - 8}V${height - 6}"/>`;
  });
  const rows = steps.map(({ at, to, text, isReturn = false }, index) => {
    const y = head + index * rowHeight + 16;
    return to === undefined ? note(x(at), y, text) : arrow(x(at), x(to), y, text, isReturn);
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img" aria-labelledby="title" font-family="system-ui, sans-serif" font-size="11.5">
<title id="title">${title}</title>
${style}
${columns.join('\n')}
${rows.join('\n')}
</svg>
`;
}

/** A text beside the line of its part, on the side with more room. */
function note(x: number, y: number, text: string): string {
  const isLeft = x > width / 2;
  return `<circle class="busy" cx="${x}" cy="${y}" r="5"/><text x="${x + (isLeft ? -10 : 10)}" y="${y + 4}" text-anchor="${isLeft ? 'end' : 'start'}">${text}</text>`;
}

function arrow(from: number, to: number, y: number, text: string, isReturn: boolean): string {
  const sign = to > from ? 1 : -1;
  const isLeft = Math.max(from, to) > width / 2;
  const line = `<path class="${isReturn ? 'waiting' : 'ring'}" d="M${from} ${y}H${to - sign * 7}" fill="none"/>`;
  const tip = `<path class="${isReturn ? 'good' : 'tip'}" d="M${to - sign * 8} ${y - 4}l${sign * 8} 4l${-sign * 8} 4z"/>`;
  if (Math.abs(to - from) > width / 2)
    return `${line}${tip}<text x="${(from + to) / 2}" y="${y - 5}" text-anchor="middle">${text}</text>`;
  const at = isLeft ? Math.min(from, to) - 10 : Math.max(from, to) + 10;
  return `${line}${tip}<text x="${at}" y="${y + 4}" text-anchor="${isLeft ? 'end' : 'start'}">${text}</text>`;
}
