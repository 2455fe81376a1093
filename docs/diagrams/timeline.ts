/** Draws a policy's good and bad day as timelines, one lane for each participant, as an SVG for light and dark pages. */

export interface Story {
  /** The accessible description of the picture. */
  readonly title: string;
  readonly days: readonly Day[];
}

export interface Day {
  readonly name: string;
  readonly lanes: readonly Lane[];
  /** Moments that concern all lanes. */
  readonly marks?: readonly { readonly at: number; readonly text: string }[];
}

export interface Lane {
  readonly name: string;
  readonly spans: readonly Span[];
}

/** Time runs from 0 to 100. */
export interface Span {
  readonly from: number;
  readonly to: number;
  /** @default 'busy' */
  readonly doing?: 'busy' | 'waiting' | 'refusing';
  /** How the span ends. Without it no end is drawn. */
  readonly end?: 'good' | 'bad' | 'aborted';
  /** Beside its end. */
  readonly text?: string;
}

const width = 760;
const left = 176;
const right = 96;
const laneHeight = 26;
const head = 34;
const gap = 14;

/** The style of all pictures: blue is running, green is a good end, red a bad end, grey an abort. */
export const style = `<style>
  text { fill: #57606a } .day { fill: #24292f; font-weight: 600 } .lane { stroke: #8b949e; stroke-opacity: .25 }
  .busy { fill: #0969da; fill-opacity: .3 } .waiting { stroke: #57606a; stroke-width: 2; stroke-dasharray: 2 4 }
  .refusing { fill: #cf222e; fill-opacity: .12 } .mark { stroke: #bf8700; stroke-width: 1.5; stroke-dasharray: 5 3 }
  .good { fill: #1a7f37 } .bad { fill: none; stroke: #cf222e; stroke-width: 2.5 } .aborted { fill: none; stroke: #57606a; stroke-width: 2.5 }
  .tip { fill: #bf8700 } .ring { fill: none; stroke: #57606a; stroke-opacity: .6 } .core { fill: #0969da; fill-opacity: .15 } .name { fill: #24292f; font-family: ui-monospace, monospace }
  @media (prefers-color-scheme: dark) {
    text { fill: #8b949e } .day, .name { fill: #e6edf3 } .busy, .core { fill: #58a6ff } .waiting, .aborted, .ring { stroke: #8b949e }
    .refusing { fill: #ff7b72 } .mark { stroke: #d29922 } .tip { fill: #d29922 } .good { fill: #3fb950 } .bad { stroke: #ff7b72 }
  }
</style>`;

export function timeline({ title, days }: Story): string {
  const heights = days.map(({ lanes }) => head + lanes.length * laneHeight);
  const height = heights.reduce((sum, one) => sum + one, 0) + gap * days.length;
  let top = 0;
  const drawn = days.map((day, index) => {
    const panel = draw(day, top);
    top += heights[index]! + gap;
    return panel;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img" aria-labelledby="title" font-family="system-ui, sans-serif" font-size="12">
<title id="title">${title}</title>
${style}
${drawn.join('\n')}
</svg>
`;
}

function draw({ name, lanes, marks = [] }: Day, top: number): string {
  const bottom = top + head + lanes.length * laneHeight;
  const rows = lanes.map(({ name, spans }, index) => {
    const y = top + head + index * laneHeight + laneHeight / 2;
    const line = `<path class="lane" d="M${left} ${y}H${width - right}"/>`;
    return `<text x="${left - 12}" y="${y + 4}" text-anchor="end">${name}</text>${line}${spans.map((span) => bar(span, y)).join('')}`;
  });
  const moments = marks.map(
    ({ at, text }) =>
      `<path class="mark" d="M${x(at)} ${top + head - 4}V${bottom}"/><text x="${x(at)}" y="${top + head - 9}" text-anchor="middle">${text}</text>`,
  );
  return `<text class="day" x="${left - 12}" y="${top + 25}" text-anchor="end">${name}</text>\n${rows.join('\n')}${moments.join('')}`;
}

function bar({ from, to, doing = 'busy', end, text }: Span, y: number): string {
  const body =
    doing === 'waiting'
      ? `<path class="waiting" d="M${x(from)} ${y}H${x(to)}"/>`
      : `<rect class="${doing}" x="${x(from)}" y="${y - 7}" width="${round(x(to) - x(from))}" height="14" rx="2"/>`;
  const label = text === undefined ? '' : `<text x="${round(x(to) + 9)}" y="${y + 4}">${text}</text>`;
  return body + (end === undefined ? '' : ends[end](x(to), y)) + label;
}

const ends = {
  good: (x: number, y: number) => `<circle class="good" cx="${x}" cy="${y}" r="5"/>`,
  bad: (x: number, y: number) => `<path class="bad" d="M${x - 4} ${y - 4}l8 8m0 -8l-8 8"/>`,
  aborted: (x: number, y: number) => `<path class="aborted" d="M${x} ${y - 9}v18"/>`,
};

function x(time: number): number {
  return round(left + (time / 100) * (width - left - right));
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
