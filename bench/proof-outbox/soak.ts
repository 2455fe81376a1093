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
/** The heap after a collection varies by some hundred kB, and a file by pages that are free. */
const most = { heap: 2_000_000, handles: 2, bytes: 2_000_000 };

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
  const grown = (name: keyof Measure): number => last[name] - first[name];
  const faults = (['heap', 'handles', 'bytes'] as const)
    .filter((name) => grown(name) > most[name])
    .map((name) => `${name} has grown by ${grown(name)}`);
  // What lives for a minute depends on the orders of the last one: an entry for each kill would show.
  const entries = grown('entries');
  if (entries > 100 && entries > grown('kills') / 4)
    faults.push(`${entries} entries more after ${grown('kills')} kills`);
  return faults;
}
