/** What a run has found, as text. */
import { ms, percent, span } from '../format.ts';
import { table, type Paint } from '../terminal.ts';
import { failureRows, figureRows, phaseRows, type Rows } from './tables.ts';
import type { Result, Threshold } from './result.ts';

export function summaryOf(result: Result, paint: Paint): string {
  const { thresholds, warnings } = result;
  const tables = [figureRows(result), phaseRows(result), failureRows(result)].filter((rows) => rows.length > 1);
  return [
    titleOf(result, paint),
    ...tables.flatMap((rows) => ['', ...linesOf(rows, paint)]),
    ...(thresholds.length === 0 ? [] : ['', ...thresholds.map((threshold) => thresholdLine(threshold, paint))]),
    ...(warnings.length === 0 ? [] : ['', ...warnings.map((text) => paint('yellow', `! ${text}`))]),
  ].join('\n');
}

function linesOf(rows: Rows, paint: Paint): string[] {
  const [head, ...lines] = table(rows);
  return [paint('bold', head!), ...lines];
}

function titleOf({ method, url, loop, phases, measured, interrupted }: Result, paint: Paint): string {
  const how = phases.filter(({ counted }) => counted).map(({ name }) => name);
  const end = interrupted ? ', interrupted' : '';
  return `${paint('bold', `${method} ${url}`)}  ${span(measured)}, ${loop} loop: ${how.join(', ')}${end}`;
}

function thresholdLine({ option, limit, actual, unit, met }: Threshold, paint: Paint): string {
  const show = unit === 'ms' ? ms : percent;
  const text = `${option} ${show(limit)}: ${show(actual)}`;
  return met ? paint('green', `ok      ${text}`) : paint('red', `missed  ${text}`);
}
