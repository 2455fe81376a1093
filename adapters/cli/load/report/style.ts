/** The style of a report. */
export const style: string = `
:root {
  color-scheme: light dark;
  --page: #f7f8fa; --card: #ffffff; --text: #1c2430; --faint: #5b6675; --rule: #dfe4ea;
  --first: #0e7c66; --second: #b4570b; --low: #6fb7a5; --middle: #2b8f79; --high: #0b4f42; --intended: #8a94a3;
  --good: #0b6b3a; --bad: #b3261e;
  --kind-1: #b3261e; --kind-2: #d97706; --kind-3: #7c3aed; --kind-4: #0369a1; --kind-5: #64748b;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #10141a; --card: #181e26; --text: #e6eaf0; --faint: #9aa5b4; --rule: #2b3440;
    --first: #3ec9a7; --second: #f2a154; --low: #2a7d6b; --middle: #3ec9a7; --high: #b5f2e1; --intended: #7c8796;
    --good: #5fd38d; --bad: #ff8a80;
    --kind-1: #ff8a80; --kind-2: #fbbf24; --kind-3: #c4a7ff; --kind-4: #67c5f5; --kind-5: #94a3b8;
  }
}
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 72rem; padding: 1.5rem 1rem 3rem; background: var(--page); color: var(--text);
  font: 1rem/1.5 system-ui, sans-serif; font-variant-numeric: tabular-nums; }
h1 { margin: 0; font-size: 1.35rem; overflow-wrap: anywhere; }
h2 { margin: 0; font-size: 1rem; }
p { margin: .25rem 0; color: var(--faint); }
.tiles, .charts { display: grid; gap: 1rem; margin: 1.25rem 0; }
.tiles { grid-template-columns: repeat(auto-fit, minmax(9.5rem, 1fr)); }
.charts { grid-template-columns: repeat(auto-fit, minmax(min(100%, 26rem), 1fr)); }
.tiles div, figure, .table { background: var(--card); border: 1px solid var(--rule); border-radius: .6rem; padding: .8rem 1rem; }
.tiles b { display: block; font-size: 1.5rem; line-height: 1.25; color: var(--first); }
.tiles small { color: var(--faint); display: block; }
figure { margin: 0; }
figcaption { display: flex; flex-wrap: wrap; gap: .2rem 1rem; justify-content: space-between; margin-bottom: .4rem; }
figcaption ul { display: flex; flex-wrap: wrap; gap: .1rem .9rem; list-style: none; margin: 0; padding: 0; font-size: .85rem; color: var(--faint); }
i { display: inline-block; width: .8rem; height: .25rem; margin-right: .35rem; border-radius: 1px; vertical-align: middle; }
svg { display: block; width: 100%; height: auto; font: 12.5px system-ui, sans-serif; }
svg text { fill: var(--faint); }
.end { text-anchor: end; } .middle { text-anchor: middle; } .start { text-anchor: start; }
.grid { stroke: var(--rule); fill: none; } .mark { stroke: var(--faint); stroke-dasharray: 2 3; fill: none; }
.line { fill: none; stroke-width: 1.8; stroke-linejoin: round; stroke-linecap: round; }
${['first', 'second', 'low', 'middle', 'high', 'intended', 'kind-1', 'kind-2', 'kind-3', 'kind-4', 'kind-5']
  .map(
    (name) =>
      `.line.${name} { stroke: var(--${name}); } i.${name} { background: var(--${name}); } .fill.${name} { fill: var(--${name}); }`,
  )
  .join('\n')}
.line.intended { stroke-dasharray: 5 3; }
.fill.first { fill-opacity: .75; }
.table { overflow-x: auto; margin: 1rem 0; }
table { border-collapse: collapse; width: 100%; font-size: .92rem; }
th, td { padding: .3rem .6rem; text-align: right; white-space: nowrap; border-top: 1px solid var(--rule); }
thead :is(th, td) { border-top: 0; } th:first-child, td:first-child { text-align: left; padding-left: 0; } th { font-weight: 600; }
.met { color: var(--good); } .missed { color: var(--bad); font-weight: 600; } .warning { color: var(--second); }
footer { color: var(--faint); font-size: .85rem; }
`;
