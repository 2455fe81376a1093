/** The standard stack as an onion: the request enters on the left, the response leaves on the right. */
import { style } from './timeline.ts';

const rings = [
  ['timeout', 'the whole call, to the last byte'],
  ['dedupe', 'one request for identical calls'],
  ['resume', 'the rest of a body that breaks off'],
  ['idempotency', 'one key for every attempt; stored responses'],
  ['retry', 'another attempt after a transient failure'],
  ['breaker', 'refuses calls to a server that is down'],
  ['timeout', 'each attempt, learned'],
] as const;

const width = 760;
const step = 34;
const inset = 26;
const margin = 11;
const core = 18 + rings.length * step;
const height = core + 30 + (rings.length + 1) * margin;

export function onion(): string {
  const layers = rings.map(([name, what], index) => {
    const [x, y] = [60 + index * inset, 14 + index * step];
    const size = `width="${width - 2 * x}" height="${core + 30 + (rings.length - index) * margin - y}"`;
    return `<rect class="ring" x="${x}" y="${y}" ${size} rx="12"/><text class="name" x="${x + 44}" y="${y + 22}">${name}</text><text x="${x + 142}" y="${y + 22}">${what}</text>`;
  });
  const [x, y] = [60 + rings.length * inset, core];
  const heart = `<rect class="core" x="${x}" y="${y}" width="${width - 2 * x}" height="30" rx="8"/><text class="name" x="${width / 2}" y="${y + 20}" text-anchor="middle">fetch</text>`;
  const arrow = (at: number, path: string, tip: string, text: string): string =>
    `<path class="mark" d="${path}" fill="none"/><path class="tip" d="${tip}"/><text x="${at}" y="10" text-anchor="middle">${text}</text>`;
  const into = arrow(40, `M40 16V${y + 15}H${x - 10}`, `M${x - 11} ${y + 10}l9 5l-9 5z`, 'request');
  const out = arrow(width - 40, `M${width - x} ${y + 15}H${width - 40}V26`, `M${width - 45} 26l5 -9l5 9z`, 'response');
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img" aria-labelledby="title" font-family="system-ui, sans-serif" font-size="12">
<title id="title">The standard stack: a request passes ${rings.map(([name]) => name).join(', ')} on its way to fetch, its response passes them in reverse</title>
${style}
${layers.join('\n')}
${heart}
${into}${out}
</svg>
`;
}
