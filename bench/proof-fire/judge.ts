/** Judges the ledger of the server and the responses of all calls by the limits that docs/idempotency.md has. */
import type { Fault } from './faults.ts';
import type { Execution } from './ledger.ts';

export interface Received {
  readonly id: string;
  readonly pid: number;
  readonly body: string;
  /** Its call has reported that it could not be stored. */
  readonly unrecorded: boolean;
}

export interface Judgement {
  readonly executions: number;
  readonly ids: number;
  /** Executions after the first one of an id, by the limit that explains them. */
  readonly explained: Readonly<Record<string, number>>;
  readonly unexplained: readonly string[];
  readonly twoResponses: readonly string[];
  /** Responses that no execution has given. */
  readonly invented: readonly string[];
}

const stops = ['stopped shortly', 'stopped for long', 'all stopped'];
/** The faults for whose duration a process cannot renew its leases. */
const silences = new Set([...stops, 'without disk']);
/** A request arrives within this time after its process has sent it, ms. */
const travelTime = 100;

export function judge(
  executions: readonly Execution[],
  received: readonly Received[],
  faults: readonly Fault[],
  lease: number,
): Judgement {
  const explained: Record<string, number> = {};
  const unexplained: string[] = [];
  const byId = groupById(executions);

  for (const [id, all] of byId) {
    for (const [index, next] of all.entries()) {
      const former = all[index - 1];
      if (former === undefined) continue;
      const limit = limitBetween(former, next);
      if (limit === undefined) {
        const around = faults.filter(({ from, to }) => from <= next.at && to >= beginOf(former) - lease);
        unexplained.push(`${id}: ${JSON.stringify({ former, next, around })}`);
      }
      if (limit !== undefined) explained[limit] = (explained[limit] ?? 0) + 1;
    }
  }

  /** The earliest time at which its process may have had the lease. A process that was stopped sends when it goes on. */
  function beginOf({ pid, at }: Pick<Execution, 'pid' | 'at'>): number {
    const begin = at - travelTime;
    // Another fault may have continued it before the end of its stop.
    const stop = faults.find(
      ({ kind, pids, from, to }) =>
        stops.includes(kind) && pids.includes(pid) && from < begin && to >= begin && to <= at,
    );
    return stop === undefined ? begin : beginOf({ pid, at: stop.from });
  }

  /** Why there is another execution of the same id. */
  function limitBetween(earlier: Execution, later: Execution): string | undefined {
    // A process that had the lease first and was stopped before it sent executes after its successor.
    const [former, next] = beginOf(later) < beginOf(earlier) ? [later, earlier] : [earlier, later];
    const found = faults.find(({ kind, pids, from, to }) => {
      if (from > next.at || to < beginOf(former)) return false;
      if (kind === 'leases deleted') return true;
      // A process can read a store that is locked, but its holder cannot write to it.
      const isOfStore = kind.startsWith('store ');
      if (!pids.includes(former.pid) && !isOfStore) return false;
      // If all are stopped, no process watches, except one that has just been started, or that another fault has continued.
      if (kind === 'all stopped' && pids.includes(next.pid) && next.at > to) return false;
      // A process is silent from its last renewal on. One that watches it waits for the end of the lease, unless the clocks
      // differ: then for a third of a lease.
      const clocksDiffer = faults.some((fault) => fault.kind.endsWith('clock set') && fault.from < next.at);
      const silence = to - from + lease / 6;
      return kind === 'killed' || ((isOfStore || silences.has(kind)) && silence > (clocksDiffer ? lease / 3 : lease));
    });
    const isUnrecorded = received.some(
      ({ id, pid, unrecorded }) => unrecorded && id === former.id && pid === former.pid,
    );
    return found?.kind ?? (isUnrecorded ? 'unrecorded' : undefined);
  }

  const recorded = groupById(received.filter(({ unrecorded }) => !unrecorded));
  const given = new Set(executions.map(({ id, body }) => `${id} ${body}`));
  return {
    executions: executions.length,
    ids: byId.size,
    explained,
    unexplained,
    twoResponses: [...recorded].filter(([, all]) => new Set(all.map(({ body }) => body)).size > 1).map(([id]) => id),
    invented: [...new Set(received.filter(({ id, body }) => !given.has(`${id} ${body}`)).map(({ id }) => id))],
  };
}

function groupById<T extends { readonly id: string }>(list: readonly T[]): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const one of list) groups.set(one.id, [...(groups.get(one.id) ?? []), one]);
  return groups;
}
