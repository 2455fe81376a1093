/** The report: one HTML file without scripts, which needs no network. */
import { integer, ms, percent, span } from '../../format.ts';
import { failureRows, figureRows, phaseRows } from '../tables.ts';
import type { ContenderResult, Result, Threshold } from '../result.ts';
import { escaped } from './chart-frame.ts';
import { chartsOf } from './charts.ts';
import { style } from './style.ts';

export function reportOf(result: Result): string {
  const { method, url, thresholds, warnings } = result;
  const title = `${method} ${url}`;
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escaped(title)}: kyoa load</title>
<style>${style}</style>
<main>
<h1>${escaped(title)}</h1>
<p>${escaped(describe(result))}</p>
${thresholds.map(thresholdLine).join('\n')}
${warnings.map((warning) => `<p class="warning">${escaped(warning)}</p>`).join('\n')}
<div class="tiles">${tilesOf(result).join('')}</div>
<div class="charts">
${chartsOf(result).join('\n')}
</div>
${[figureRows(result), phaseRows(result), failureRows(result)]
  .filter((rows) => rows.length > 1)
  .map(tableOf)
  .join('\n')}
</main>
<footer>
<p>The latency of a call counts from when it was due to the end of its body. Failed calls are included. A request per call
above 1 is a retry. The warm-up does not count.</p>
</footer>
</html>
`;
}

function describe({ loop, measured, phases, started, interrupted, contenders }: Result): string {
  const names = phases.filter(({ counted }) => counted).map(({ name }) => name);
  const end = interrupted ? ', interrupted' : '';
  const lanes = contenders.map(({ name, transport }) => (name === 'plain fetch' ? name : `${name} on ${transport}`));
  const time = `${started.slice(0, 16).replace('T', ' ')} UTC`;
  const how = loop === 'open' ? 'an open loop' : 'a closed loop';
  return `${lanes.join(' beside ')}. ${span(measured)} of ${how}${end}: ${names.join(', ')}. ${time}.`;
}

function thresholdLine({ option, limit, actual, unit, met }: Threshold): string {
  const show = unit === 'ms' ? ms : percent;
  const word = met ? 'met' : 'missed';
  return `<p class="${word}">${option} ${escaped(show(limit))} ${word}: ${escaped(show(actual))}</p>`;
}

function tilesOf({ contenders }: Result): string[] {
  const [first, second] = contenders as readonly [ContenderResult, ContenderResult?];
  const tile = (name: string, show: (contender: ContenderResult) => string): string => {
    const beside = second === undefined ? '' : `<small>${escaped(`${second.name} ${show(second)}`)}</small>`;
    return `<div><small>${name}</small><b>${escaped(show(first))}</b>${beside}</div>`;
  };
  return [
    tile('calls', ({ calls }) => integer(calls)),
    tile('failed', ({ errorRate }) => percent(errorRate)),
    tile('p50', ({ latency }) => ms(latency.p50)),
    tile('p99', ({ latency }) => ms(latency.p99)),
    tile('requests per call', ({ requestsPerCall }) => requestsPerCall.toFixed(2)),
  ];
}

function tableOf([head, ...rows]: readonly (readonly string[])[]): string {
  const cells = (row: readonly string[], tag: string): string =>
    row
      .map((text, index) =>
        index === 0 ? `<th scope="row">${escaped(text)}</th>` : `<${tag}>${escaped(text)}</${tag}>`,
      )
      .join('');
  const body = rows.map((row) => `<tr>${cells(row, 'td')}</tr>`).join('\n');
  const top = head!.map((text) => (text === '' ? '<td></td>' : `<th scope="col">${escaped(text)}</th>`)).join('');
  return `<div class="table" tabindex="0"><table><thead><tr>${top}</tr></thead>\n<tbody>${body}</tbody></table></div>`;
}
