/** The tables of a result, as text. The first row of each is its head; one without further rows has nothing to show. */
import { integer, ms, percent } from '../format.ts';
import type { ContenderResult, Result } from './result.ts';

export type Rows = readonly (readonly string[])[];

export function figureRows({ contenders }: Result): Rows {
  const row = (name: string, cell: (contender: ContenderResult) => string): string[] => [name, ...contenders.map(cell)];
  return [
    row('', ({ name }) => name),
    row('calls', ({ calls }) => integer(calls)),
    row('calls/s', ({ rate }) => rate.toFixed(1)),
    row('failed', ({ failed, errorRate }) => (failed === 0 ? '0' : `${integer(failed)} (${percent(errorRate)})`)),
    row('requests per call', ({ requestsPerCall }) => requestsPerCall.toFixed(2)),
    row('p50', ({ latency }) => ms(latency.p50)),
    row('p90', ({ latency }) => ms(latency.p90)),
    row('p95', ({ latency }) => ms(latency.p95)),
    row('p99', ({ latency }) => ms(latency.p99)),
    row('p99.9', ({ latency }) => ms(latency.p999)),
    row('max', ({ latency }) => ms(latency.max)),
    ...(contenders.some(({ unfinished }) => unfinished > 0)
      ? [row('unfinished', ({ unfinished }) => integer(unfinished))]
      : []),
    row('transport', ({ transport }) => transport),
  ];
}

/** With a peak, each part of the run has figures of its own. */
export function phaseRows({ contenders, phases }: Result): Rows {
  if (phases.filter(({ counted }) => counted).length < 2) return [];
  const rows = contenders.flatMap(({ name, phases }) =>
    phases.map((phase) => [
      contenders.length > 1 ? `${name}, ${phase.name}` : phase.name,
      integer(phase.calls),
      percent(phase.calls === 0 ? 0 : phase.failed / phase.calls),
      ms(phase.latency.p50),
      ms(phase.latency.p95),
      ms(phase.latency.p99),
    ]),
  );
  return [['', 'calls', 'failed', 'p50', 'p95', 'p99'], ...rows];
}

export function failureRows({ contenders }: Result): Rows {
  const rows = contenders.flatMap(({ name, failures }) =>
    Object.entries(failures).map(([kind, count]) => [
      contenders.length > 1 ? `${name}, ${kind}` : kind,
      integer(count),
    ]),
  );
  return [['failed by', 'calls'], ...rows];
}
