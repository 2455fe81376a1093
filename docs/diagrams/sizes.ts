/** The first table of docs/sizes.md as bars. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { style } from './timeline.ts';

const width = 760;
const left = 285;
const step = 30;

export function sizes(): string {
  const page = readFileSync(join(import.meta.dirname, '../sizes.md'), 'utf8');
  const rows = Array.from(page.matchAll(/^\| `([^`]+)` \|.*\| ([\d.]+) \|$/gm), ([, name, size]) => ({
    name: name!,
    size: Number(size),
  }));
  const scale = (width - left - 70) / Math.max(...rows.map(({ size }) => size));
  const bars = rows.map(({ name, size }, index) => {
    const y = 8 + index * step;
    const length = Math.round(size * scale);
    return `<text class="name" x="${left - 10}" y="${y + 15}" text-anchor="end">${name}</text><rect class="busy" x="${left}" y="${y}" width="${length}" height="20" rx="4"/><text class="day" x="${left + length + 8}" y="${y + 15}">${size.toFixed(1)} kB</text>`;
  });
  const title = rows.map(({ name, size }) => `${name}: ${size.toFixed(1)} kB`).join('; ');
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${8 + rows.length * step}" role="img" aria-labelledby="title" font-family="system-ui, sans-serif" font-size="12">
<title id="title">Sizes in min + gzip. ${title}</title>
${style}
${bars.join('\n')}
</svg>
`;
}
