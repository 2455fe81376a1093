/** Rounds of the proof in Node for a given time, and once a minute what they have left: it must not grow. */
import { openSite, type Kind, type Site, type Size } from './in-node.ts';
import type { Figures } from './processes.ts';

interface Measure extends Figures, Size {
  readonly minute: number;
  readonly orders: number;
  readonly kills: number;
}

/** Until everything is there that stays for a minute, and all code is compiled, minutes. */
const warmup = 3;
/**
 * The heap after a collection varies by some hundred kB, and the store keeps the last 100 outcomes. A file has the pages of the
 * minute with the most orders.
 */
const most = { heap: 2_000_000, handles: 2, lasting: 20 };

/** Resolves to the faults. */
export async function soak(
  kinds: readonly Kind[],
  { seed, minutes }: { seed: number; minutes: number },
): Promise<string[]> {
  const faults: string[] = [];
  const sites = new Map<Kind, Site>();
  const measures = new Map<Kind, Measure[]>(kinds.map((kind) => [kind, []]));
  const total = { orders: 0, kills: 0 };
  for (const kind of kinds) sites.set(kind, await openSite(kind, { seed, chaos: 5_000, keep: 600_000, spares: true }));
  const started = performance.now();
  const minute = (): number => (performance.now() - started) / 60_000;
  for (let next = 1; minute() < minutes;) {
    for (const [kind, site] of sites) {
      const round = await site.round();
      total.orders += round.sent + round.kept + round.listed;
      total.kills += round.kills;
      faults.push(...round.faults.map((fault) => `${kind}, minute ${Math.round(minute())}: ${fault}`));
    }
    if (minute() < next) continue;
    next = Math.floor(minute()) + 1;
    for (const [kind, site] of sites) {
      const figures = { ...(await site.workers[0]!.measure()), ...(await site.size()) };
      const measure = { minute: Math.round(minute()), ...total, ...figures };
      measures.get(kind)!.push(measure);
      console.log(kind, JSON.stringify(measure));
    }
  }
  for (const site of sites.values()) await site[Symbol.asyncDispose]();
  for (const [kind, all] of measures) faults.push(...growth(all).map((fault) => `${kind}: ${fault}`));
  return faults;
}

function growth(all: readonly Measure[]): string[] {
  const warm = all.filter(({ minute }) => minute >= warmup);
  const [first, last] = [warm[0], warm.at(-1)];
  if (first === undefined || last === undefined || first === last) return [];
  const peak = (measures: readonly Measure[]): number => Math.max(...measures.map(({ entries }) => entries));
  const faults = (['heap', 'handles', 'lasting'] as const)
    .filter((name) => last[name] - first[name] > most[name])
    .map((name) => `${name} has grown by ${last[name] - first[name]} in ${last.kills - first.kills} kills`);
  const expected = (2 * first.bytes * peak(all)) / peak(all.filter(({ minute }) => minute <= first.minute));
  return last.bytes > expected ? [...faults, `bytes has grown to ${last.bytes}`] : faults;
}
