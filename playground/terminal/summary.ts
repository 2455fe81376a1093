/** Describes the result of a run in words. */
import type { Standing } from './board.ts';
import { count, ratio, rest } from './figures.ts';
import { countLost, countSettled } from './tally.ts';
import type { Loss } from './tally.ts';

/** One sentence with the share of lost calls, and the requests per call where that is not 1. */
export function verdict(standings: readonly Standing[]): string {
  const clauses = standings.map(({ name, tally, requests }, i) => {
    const settled = countSettled(tally);
    const lost = countLost(tally) === 0 ? 'none' : rest(tally.durations.length, settled);
    const each = requests / tally.started;
    return [
      `${name} lost ${lost}`,
      i === 0 ? ` of ${count(settled)} calls` : '',
      Math.abs(each - 1) < 0.005 ? '' : `, for ${ratio(each)} upstream requests per call`,
    ].join('');
  });
  return `${clauses.join('; ')}.`;
}

/** The reasons of the losses, one line for each contender that lost calls. `patience` is in ms. */
export function losses(standings: readonly Standing[], patience: number): string[] {
  const width = Math.max(...standings.map(({ name }) => name.length));
  return standings
    .filter(({ tally }) => tally.lost.size > 0)
    .map(({ name, tally }) => {
      const commonest = [...tally.lost].toSorted(([, a], [, b]) => b - a);
      return `${name.padEnd(width)}   ${commonest.map(([loss, calls]) => describe(loss, calls, patience)).join(', ')}`;
    });
}

function describe(loss: Loss, calls: number, patience: number): string {
  if (loss === 'broken') return `${count(calls)} broken connection${calls === 1 ? '' : 's'}`;
  if (loss === 'late') return `${count(calls)} without a response in ${patience / 1_000} s`;
  if (loss === 'circuit open') return `${count(calls)} rejected by an open circuit`;
  return `${count(calls)} × ${loss}`;
}
