/** Draws limits and latencies as an SVG for light and dark pages, one panel for each estimate. */
import type { Call } from './simulate.ts';

const width = 860;
const panel = { left: 72, right: 16, top: 34, height: 150, gap: 30 };
const ticks = [100, 300, 1_000, 3_000];

export function chart(runs: readonly { name: string; history: readonly Call[] }[]): string {
  const height = runs.length * (panel.top + panel.height) + panel.gap + 18;
  const panels = runs.map(({ name, history }, index) => draw(name, history, index * (panel.top + panel.height)));
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img" aria-labelledby="title description" font-family="system-ui, sans-serif" font-size="12">
<title id="title">Adaptive limits through a slow-down and a recovery</title>
<desc id="description">Three panels, one for each estimate: latencies as dots, the limit as a line, timed-out calls as crosses. The route is ten times slower from call 200 to 400.</desc>
<style>
  text { fill: #57606a } .name { fill: #24292f; font-weight: 600; font-family: ui-monospace, monospace }
  .grid { stroke: #8b949e; stroke-opacity: .25 } .slow { fill: #bf8700; fill-opacity: .08 }
  .latency { fill: #0969da; fill-opacity: .55 } .limit { stroke: #cf222e; stroke-width: 2; fill: none; stroke-linejoin: round }
  .lost { stroke: #cf222e; stroke-width: 1.5 }
  @media (prefers-color-scheme: dark) {
    text { fill: #8b949e } .name { fill: #e6edf3 } .latency { fill: #58a6ff } .limit, .lost { stroke: #ff7b72 } .slow { fill: #d29922; fill-opacity: .12 }
  }
</style>
${panels.join('\n')}
<text x="${panel.left}" y="${height - 8}">calls, in order</text>
<circle class="latency" cx="${width - 400}" cy="${height - 12}" r="3"/><text x="${width - 392}" y="${height - 8}">latency</text>
<path class="limit" d="M${width - 330} ${height - 12}h22"/><text x="${width - 302}" y="${height - 8}">limit</text>
<path class="lost" d="${cross(width - 252, height - 12)}"/><text x="${width - 242}" y="${height - 8}">timed out: latency above the limit</text>
</svg>
`;
}

function draw(name: string, history: readonly Call[], top: number): string {
  const x = (call: number): number => panel.left + (call / (history.length - 1)) * (width - panel.left - panel.right);
  const bottom = top + panel.top + panel.height;
  const [low, high] = [Math.log(60), Math.log(6_500)];
  const y = (ms: number): number => bottom - ((Math.log(ms) - low) / (high - low)) * panel.height;
  const grid = ticks.map(
    (tick) =>
      `<path class="grid" d="M${panel.left} ${round(y(tick))}H${width - panel.right}"/>` +
      `<text x="${panel.left - 8}" y="${round(y(tick) + 4)}" text-anchor="end">${tick.toLocaleString('en')} ms</text>`,
  );
  const dots = history.flatMap(({ latency, served }, call) =>
    served ? [`<circle cx="${round(x(call))}" cy="${round(y(latency))}" r="1.8"/>`] : [],
  );
  const lost = history.flatMap(({ latency, served }, call) => (served ? [] : [cross(x(call), y(latency))]));
  const line = history.map(({ limit }, call) => `${round(x(call))} ${round(y(limit))}`);
  return `<rect class="slow" x="${round(x(200))}" y="${top + panel.top}" width="${round(x(400) - x(200))}" height="${panel.height}"/>
<text class="name" x="${panel.left}" y="${top + panel.top - 10}">${name}</text><text x="${round(x(300))}" y="${bottom - 8}" text-anchor="middle">ten times slower</text>
${grid.join('')}
<g class="latency">${dots.join('')}</g>
<path class="limit" d="M${line.join('L')}"/>
<path class="lost" d="${lost.join('')}"/>`;
}

function cross(x: number, y: number): string {
  return `M${round(x - 4)} ${round(y - 4)}l8 8m0 -8l-8 8`;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
