/** The way of a call, as a chain of stations: for each what goes wrong there, and which panel or alert shows it. */
import { style } from './timeline.ts';

const stations = [
  { name: 'the process', wrong: ['blocked,', 'collecting'], shown: ['NodeEventLoopBlocked', 'NodeCollecting'] },
  { name: 'a refusal', wrong: ['circuit open,', 'queue full'], shown: ['KyoaCircuitOpen', 'panel “Refused”'] },
  { name: 'the pauses', wrong: ['retries,', 'backoff'], shown: ['“Requests per call”', 'KyoaRetryBudget…'] },
  { name: 'the pool', wrong: ['waiting for', 'a connection'], shown: ['KyoaPoolWaiting', 'KyoaPoolHeld'] },
  { name: 'the server', wrong: ['slow,', 'failing'], shown: ['“Latency of requests”', '“Requests by status”'] },
];
const width = 760;
const box = { width: 128, height: 66, top: 34, gap: 28 };
const left = (width - stations.length * box.width - (stations.length - 1) * box.gap) / 2;

export function incident(): string {
  const middle = box.top + box.height / 2;
  const drawn = stations.map(({ name, wrong, shown }, index) => {
    const x = left + index * (box.width + box.gap);
    const center = x + box.width / 2;
    const arrow =
      index === 0
        ? ''
        : `<path d="M${x - box.gap + 3} ${middle}h${box.gap - 10}m-5 -4l5 4l-5 4" fill="none" stroke="#8b949e" stroke-width="1.5"/>`;
    const lines = [
      `<text class="day" x="${center}" y="${box.top + 20}" text-anchor="middle">${name}</text>`,
      ...wrong.map(
        (text, line) => `<text x="${center}" y="${box.top + 40 + line * 15}" text-anchor="middle">${text}</text>`,
      ),
      ...shown.map(
        (text, line) =>
          `<text class="name" x="${center}" y="${box.top + box.height + 22 + line * 17}" text-anchor="middle" font-size="10.5">${text}</text>`,
      ),
    ];
    return `${arrow}<rect class="busy" x="${x}" y="${box.top}" width="${box.width}" height="${box.height}" rx="6"/>${lines.join('')}`;
  });
  const bracket = (from: number, to: number, text: string): string => {
    const [a, b] = [left + from * (box.width + box.gap), left + to * (box.width + box.gap) + box.width];
    return `<path class="mark" d="M${a} 22H${b}"/><text x="${(a + b) / 2}" y="15" text-anchor="middle">${text}</text>`;
  };
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${box.top + box.height + 48}" role="img" aria-labelledby="title" font-family="system-ui, sans-serif" font-size="12">
<title id="title">Where a call may lose its time: ${stations.map(({ name, shown }) => `${name} (${shown.join(', ')})`).join('; ')}</title>
${style}
${bracket(0, 2, 'in the latency of calls alone')}${bracket(3, 4, 'in that of requests too')}
${drawn.join('\n')}
</svg>
`;
}
