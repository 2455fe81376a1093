/** The charts of a report. */
import { binsPerDecade, lowestBin } from '../latency.ts';
import type { ContenderResult, Result } from '../result.ts';
import { bar, figureOf, line, steps, type Chart, type Point } from './chart-frame.ts';
import { decades, exact, linear, type Scale } from './scale.ts';

export function chartsOf(whole: Result): string[] {
  const result = withoutTail(whole);
  const some = result.contenders.filter(({ calls }) => calls > 0);
  if (some.length === 0) return [];
  return [
    ...some.map((contender) => latencyOverTime(contender, result)),
    rateOverTime(result),
    histogram(result),
    ...some.filter(({ failed }) => failed > 0).map((contender) => failuresOverTime(contender, result)),
  ].map(figureOf);
}

/** Without the time after the schedule, in which only the last responses arrive. */
function withoutTail(result: Result): Result {
  const end = result.phases.reduce((sum, { length }) => sum + length, 0);
  const contenders = result.contenders.map((contender) => ({
    ...contender,
    intervals: contender.intervals.filter(({ start }) => start < end),
  }));
  return { ...result, contenders };
}

/** Colours of contenders, in their order. */
const colours = ['first', 'second'];

const tick = (ms: number): string => (ms >= 1_000 ? `${ms / 1_000} s` : `${Number(ms.toPrecision(1))} ms`);
const seconds = (ms: number): string => `${Number((ms / 1_000).toFixed(2))} s`;
const plain = (value: number): string => Number(value.toPrecision(6)).toLocaleString('en-US');

function latencyOverTime({ name, intervals, width }: ContenderResult, result: Result): Chart {
  const all = result.contenders.flatMap(({ intervals }) => intervals.flatMap(({ latency }) => latency ?? []));
  const quantiles = [
    { name: 'p99', colour: 'high' },
    { name: 'p95', colour: 'middle' },
    { name: 'p50', colour: 'low' },
  ] as const;
  return {
    title: `Latency of ${name}`,
    about: `The percentiles of the latency of ${name} over the time at which the calls were due`,
    x: timeScale(result),
    y: decades(Math.min(...all.map(({ p50 }) => p50)), Math.max(...all.map(({ p99 }) => p99)), tick),
    legend: quantiles,
    marks: marksOf(result),
    draw: (pen) =>
      quantiles
        .map(({ name, colour }) => {
          const points = intervals.map(({ start, latency }) => ({ x: start + width / 2, y: latency?.[name] }));
          return line(points, pen, colour);
        })
        .join(''),
  };
}

function rateOverTime(result: Result): Chart {
  const { contenders, loop } = result;
  const [{ intervals, width }] = contenders as readonly [ContenderResult, ...ContenderResult[]];
  const perSecond = (calls: number): number => calls / (width / 1_000);
  const due = intervals.map((interval): Point => ({ x: interval.start, y: perSecond(interval.due) }));
  const ended = contenders.map(({ intervals }) =>
    intervals.map((interval): Point => ({ x: interval.start + width / 2, y: perSecond(interval.completed) })),
  );
  const most = Math.max(...[due, ...ended].flat().map(({ y }) => y ?? 0));
  const isOpen = loop === 'open';
  return {
    title: 'Calls a second',
    about: 'The rate of the schedule, and the rate at which calls ended',
    x: timeScale(result),
    y: linear(most, plain),
    legend: [
      ...(isOpen ? [{ name: 'intended', colour: 'intended' }] : []),
      ...contenders.map(({ name }, index) => ({ name: `${name}, ended`, colour: colours[index]! })),
    ],
    marks: marksOf(result),
    draw: (pen) =>
      [
        ...(isOpen ? [steps(due, width, pen, 'line intended')] : []),
        ...ended.map((points, index) => line(points, pen, colours[index]!)),
      ].join(''),
  };
}

function histogram({ contenders }: Result): Chart {
  const limitOf = (bin: number): number => lowestBin * 10 ** (bin / binsPerDecade);
  const used = contenders.flatMap(({ bins }) => bins.flatMap((count, bin) => (count > 0 ? [bin] : [])));
  const from = Math.min(...used);
  const to = Math.max(...used) + 1;
  const shares = contenders.map(({ bins, calls }) => bins.map((count) => (calls === 0 ? 0 : count / calls)));
  return {
    title: 'Calls by latency',
    about: 'The share of the calls in each bin of latency',
    x: decades(limitOf(from), limitOf(to), tick),
    y: linear(Math.max(...shares.flat()) * 100, (value) => `${plain(value)} %`),
    legend: contenders.map(({ name }, index) => ({ name, colour: colours[index]! })),
    draw(pen) {
      const [first = [], second] = shares.map((share) => share.slice(from, to));
      const bars = first.map((share, index) => {
        return share === 0 ? '' : bar(limitOf(from + index), limitOf(from + index + 1), 0, share * 100, pen, 'first');
      });
      return bars.join('') + (second === undefined ? '' : outline(second));

      function outline(share: readonly number[]): string {
        const path = share.map((value, index) => `V${pen.y(value * 100)}H${pen.x(limitOf(from + index + 1))}`);
        return `<path class="line second" d="M${pen.x(limitOf(from))} ${pen.floor}${path.join('')}V${pen.floor}"/>`;
      }
    },
  };
}

/** More kinds than these share the last colour. */
const kindColours = ['kind-1', 'kind-2', 'kind-3', 'kind-4', 'kind-5'];

function failuresOverTime({ name, intervals, failures, width }: ContenderResult, result: Result): Chart {
  const kinds = Object.keys(failures);
  const colourOf = (kind: number): string => kindColours[Math.min(kind, kindColours.length - 1)]!;
  const sums = intervals.map(({ failed }) => Object.values(failed).reduce((sum, count) => sum + count, 0));
  return {
    title: `Failed calls of ${name}`,
    about: `The failed calls of ${name} by kind, over the time at which they were due`,
    x: timeScale(result),
    y: linear(Math.max(...sums), plain),
    legend: kinds.map((kind, index) => ({ name: `${kind}: ${plain(failures[kind]!)}`, colour: colourOf(index) })),
    marks: marksOf(result),
    draw: (pen) =>
      intervals
        .flatMap(({ start, failed }) => {
          let low = 0;
          return kinds.map((kind, index) => {
            const count = failed[kind] ?? 0;
            low += count;
            return count === 0 ? '' : bar(start, start + width, low - count, low, pen, colourOf(index));
          });
        })
        .join(''),
  };
}

/** From the end of the warm-up to the end of the last interval. */
function timeScale({ contenders }: Result): Scale {
  const [{ width }] = contenders as readonly [ContenderResult, ...ContenderResult[]];
  const starts = contenders.flatMap(({ intervals }) => intervals.map(({ start }) => start));
  return exact(Math.min(...starts), Math.max(...starts) + width, seconds);
}

function marksOf({ phases, contenders }: Result): { x: number; name: string }[] {
  const counted = phases.filter((phase) => phase.counted);
  const end = Math.max(...contenders.flatMap(({ intervals }) => intervals.map(({ start }) => start)));
  return counted.length < 2
    ? []
    : counted.filter(({ start }) => start < end).map(({ start, name }) => ({ x: start, name }));
}
