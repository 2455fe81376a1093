/** The table of the drill in docs/production.md as bars: where the responses of each step came from, and how late they were. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { style } from './timeline.ts';

const width = 760;
const left = 150;
const bar = 330;
const top = 26;
const step = 30;

export function drill(): string {
  const page = readFileSync(join(import.meta.dirname, '../production.md'), 'utf8');
  const rows = Array.from(
    page.matchAll(/^\| ([a-z: ]+) \| ([\d,]+) \| (\d+) \| (\d+) % \| (\d+) \| ([\d,]+) \| \d+ \| \d+ \|$/gm),
    ([, name, calls, failed, eu, p50, p99]) => ({
      name: name!,
      calls: Number(calls),
      failed: Number(failed),
      eu: Number(eu),
      p50,
      p99,
    }),
  );
  const bars = rows.map(({ name, calls, failed, eu, p50, p99 }, index) => {
    const y = top + index * step;
    const near = Math.round((bar * eu) / 100);
    const lost = Math.round((bar * failed) / calls);
    return `<text class="day" x="${left - 10}" y="${y + 15}" text-anchor="end">${name}</text><rect class="busy" x="${left}" y="${y}" width="${near}" height="20"/><rect class="core" x="${left + near}" y="${y}" width="${bar - near - lost}" height="20"/><rect class="refusing" x="${left + bar - lost}" y="${y}" width="${lost}" height="20"/><text x="${left + bar + 14}" y="${y + 15}">${failed} of ${calls} failed; p50 ${p50} ms, p99 ${p99} ms</text>`;
  });
  const said = rows.map(({ name, failed, eu }) => `${name}: ${eu} % from eu, ${failed} failed`).join('; ');
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${top + rows.length * step}" role="img" aria-labelledby="title" font-family="system-ui, sans-serif" font-size="12">
<title id="title">A drill. ${said}</title>
${style}
<rect class="busy" x="${left}" y="4" width="12" height="12"/><text x="${left + 18}" y="14">from eu</text><rect class="core" x="${left + 90}" y="4" width="12" height="12"/><text x="${left + 108}" y="14">from us</text>
${bars.join('\n')}
</svg>
`;
}
