/** The load of a shared Redis, from docs/production.md: the band of its model, and the points that were measured. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { style } from './timeline.ts';

const width = 760;
const height = 340;
const frame = { left: 66, right: 34, top: 20, bottom: 52 };
/** The share of a core at which calls begin to wait for each other. */
const end = 0.7;

export function capacity(): string {
  const page = readFileSync(join(import.meta.dirname, '../production.md'), 'utf8');
  const number = (text: string): number => Number(text.replaceAll(',', ''));
  const [, quick, slow] = /`t` \| ([\d.]+) to ([\d.]+) us/.exec(page)!.map(number);
  const idle = number(/`idle` \| ([\d.]+) %/.exec(page)![1]!) / 100;
  const crowds = Array.from(page.matchAll(/^\| ([\d,]+) \| ([\d.,]+) \| 3\.0 \| ([\d.]+) % \|/gm), ([, ...cells]) =>
    cells.map(number),
  );
  const loads = Array.from(page.matchAll(/^\| ([\d,]+) in flight \| ([\d,]+) \| ([\d.]+) % \|/gm), ([, ...cells]) =>
    cells.map(number),
  );

  const x = (posts: number): number => frame.left + ((Math.log10(posts) + 1) / 6) * (width - frame.left - frame.right);
  const [low, high] = [-3, 0.1];
  const y = (share: number): number =>
    height - frame.bottom - ((Math.log10(share) - low) / (high - low)) * (height - frame.top - frame.bottom);
  const most = (us: number): number => (end - idle) / (3e-6 * us);
  const line = (us: number): string => {
    const steps = Array.from({ length: 61 }, (_, index) => 10 ** (-1 + (index / 60) * (Math.log10(most(us)) + 1)));
    return steps.map((posts) => `${round(x(posts))} ${round(y(idle + posts * 3e-6 * us))}`).join('L');
  };

  const grid = [0.001, 0.01, 0.1, 1].map(
    (share) =>
      `<path class="lane" d="M${frame.left} ${round(y(share))}H${width - frame.right}"/><text x="${frame.left - 8}" y="${round(y(share)) + 4}" text-anchor="end">${share * 100} %</text>`,
  );
  const ticks = [0.1, 1, 10, 100, 1_000, 10_000, 100_000].map(
    (posts) =>
      `<text x="${round(x(posts))}" y="${height - frame.bottom + 18}" text-anchor="middle">${posts.toLocaleString('en')}</text>`,
  );
  const ends = [slow!, quick!].map(
    (us) =>
      `<path class="mark" d="M${round(x(most(us)))} ${round(y(end))}V${height - frame.bottom}"/><text x="${round(x(most(us))) - 5}" y="${height - frame.bottom - 8}" text-anchor="end">${(Math.round(most(us) / 100) * 100).toLocaleString('en')}/s</text>`,
  );
  const dots = crowds.map(
    ([clients, posts, busy]) =>
      `<circle class="good" cx="${round(x(posts!))}" cy="${round(y(busy! / 100))}" r="4.5"/><text x="${round(x(posts!))}" y="${round(y(busy! / 100)) - 10}" text-anchor="middle">${clients!.toLocaleString('en')}</text>`,
  );
  const squares = loads.map(
    ([, posts, busy]) =>
      `<rect class="tip" x="${round(x(posts!)) - 4}" y="${round(y(busy! / 100)) - 4}" width="8" height="8"/>`,
  );
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img" aria-labelledby="title" font-family="system-ui, sans-serif" font-size="12">
<title id="title">The share of a core that a shared Redis uses grows with the POSTs of all clients, and reaches 70 % between ${Math.round(most(slow!)).toLocaleString('en')} and ${Math.round(most(quick!)).toLocaleString('en')} a second</title>
${style}
${[...grid, ...ticks].join('\n')}
<path class="core" d="M${line(slow!)}L${line(quick!).split('L').toReversed().join('L')}Z"/>
<path class="mark" d="M${frame.left} ${round(y(end))}H${width - frame.right}"/><text x="${frame.left + 6}" y="${round(y(end)) - 6}">70 % of a core: the end</text>
${[...ends, ...dots, ...squares].join('\n')}
<text x="${(frame.left + width - frame.right) / 2}" y="${height - 8}" text-anchor="middle">POSTs a second, of all clients</text>
</svg>
`;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
