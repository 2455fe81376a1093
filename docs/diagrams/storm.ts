/** The share of good calls in the retry storm of docs/fleet.md, over time: one line for each variant. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { style } from './timeline.ts';

const width = 760;
const height = 340;
const frame = { left: 52, right: 196, top: 16, bottom: 44 };

/** The variants that are drawn, with their colour in both themes. The others are never above these. */
const lines: Readonly<Record<string, string>> = {
  'budgets and shed': '#1a7f37',
  'no retries': '#8b949e',
  'budgets of 20 %': '#0969da',
  'a shared limit, no budget': '#bf8700',
  'and hedges within them': '#8250df',
  'retries without a budget': '#cf222e',
};

export function storm(): string {
  const page = readFileSync(join(import.meta.dirname, '../fleet.md'), 'utf8');
  const [, head, body] = /^\| good calls, from second \| (.*) \|\n\|[-|]+\n((?:\|.*\n)+)/m.exec(page)!;
  const names = head!.split(' | ');
  const rows = body!.trim().split('\n').map((row) => row.split('|').slice(1, -1).map(Number.parseFloat)); // prettier-ignore
  const last = rows.at(-1)![0]! + (rows[1]![0]! - rows[0]![0]!);

  const x = (second: number): number => frame.left + (second / last) * (width - frame.left - frame.right);
  const y = (percent: number): number => height - frame.bottom - (percent / 100) * (height - frame.top - frame.bottom);
  const grid = [0, 50, 100].map(
    (percent) =>
      `<path class="lane" d="M${frame.left} ${y(percent)}H${width - frame.right}"/><text x="${frame.left - 8}" y="${y(percent) + 4}" text-anchor="end">${percent} %</text>`,
  );
  const ticks = [0, 10, 20, 30, 40, 50, 60].map(
    (second) => `<text x="${x(second)}" y="${height - frame.bottom + 18}" text-anchor="middle">${second} s</text>`,
  );
  const slow = `<rect class="refusing" x="${x(10)}" y="${frame.top}" width="${x(20) - x(10)}" height="${height - frame.top - frame.bottom}"/><text x="${x(15)}" y="${height - 6}" text-anchor="middle">the service is slow</text>`;
  const drawn = Object.entries(lines).map(([name, colour], index) => {
    const column = names.indexOf(name) + 1;
    const points = rows.map((row) => `${round(x(row[0]! + 1.5))} ${round(y(row[column]!))}`);
    const legend = frame.top + 12 + index * 22;
    const dashes = name === 'no retries' ? ' stroke-dasharray="5 4"' : '';
    const stroke = `fill="none" stroke="${colour}" stroke-width="2.5"${dashes}`;
    return `<path ${stroke} d="M${points.join('L')}"/><path ${stroke} d="M${width - frame.right + 14} ${legend - 4}h20"/><text x="${width - frame.right + 40}" y="${legend}">${name}</text>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img" aria-labelledby="title" font-family="system-ui, sans-serif" font-size="12">
<title id="title">The share of good calls in a retry storm, by the second in which they began. With shed it is whole again at once, with budgets after some seconds, without a budget never</title>
${style}
${[...grid, ...ticks, slow, ...drawn].join('\n')}
</svg>
`;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
