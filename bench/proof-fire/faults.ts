/** What happens to the processes and to their store, one fault after another, in a random order. */
import type { ChildProcess } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';

import { limitFileSize } from './limit-file-size.ts';
import type { Store } from './stores.ts';
import { send, type Team } from './team.ts';

export interface Fault {
  readonly kind: string;
  /** The processes that it happens to; none for a fault of the store. */
  readonly pids: readonly (number | undefined)[];
  readonly from: number;
  readonly to: number;
}

/** Of a process, or of the store. It resolves when it is over. */
type Happening = (victim: ChildProcess) => Promise<void>;

/** Lasts until `isOver`, and at least until every kind of fault has happened once. Three faults may overlap. */
export async function makeFaults(team: Team, store: Store, lease: number, isOver: () => boolean): Promise<Fault[]> {
  const faults: Fault[] = [];
  const ofProcesses = happeningsOf(team, store, lease);
  const ofStore = Object.entries(store.faults).map(([kind, run]): [string, Happening] => [
    kind,
    () => run(between(0.1, 0.6) * lease),
  ]);
  const kinds = [...ofProcesses, ...ofStore, ['leases deleted', store.deleteLeases] as const];

  const happen = async (queue: typeof kinds): Promise<void> => {
    for (const [kind, run] of queue) {
      await sleep(between(0.05, 0.2) * lease);
      const victim = pick([...team.members]);
      if (victim === undefined) continue;
      const from = performance.now();
      const victims = kind === 'all stopped' ? [...team.members] : ofProcesses.has(kind) ? [victim] : [];
      const pids = victims.map(({ pid }) => pid);
      await run(victim);
      faults.push({ kind, pids, from, to: performance.now() });
    }
  };
  do {
    const deck = kinds.toSorted(() => Math.random() - 0.5);
    await Promise.all([0, 1, 2].map((lane) => happen(deck.filter((_, index) => index % 3 === lane))));
  } while (!isOver());
  return faults;
}

function happeningsOf(team: Team, store: Store, lease: number): Map<string, Happening> {
  const stopped = async (children: readonly ChildProcess[], ms: number): Promise<void> => {
    for (const child of children) child.kill('SIGSTOP');
    await sleep(ms);
    for (const child of children) child.kill('SIGCONT');
  };
  const happenings: Record<string, Happening> = {
    killed: async (victim) => void victim.kill('SIGKILL'),
    'stopped shortly': (victim) => stopped([victim], 0.1 * lease),
    'stopped for long': (victim) => stopped([victim], 1.5 * lease),
    'all stopped': () => stopped([...team.members], 1.5 * lease),
    'clock set': async (victim) => send(victim, { clock: pick([-3_600_000, -20_000, 0, 20_000, 3_600_000])! }),
    'another clock set': async (victim) => send(victim, { clock: pick([-3_600_000, 3_600_000])! }),
  };
  if (store.kind === 'file') {
    happenings['without disk'] = async (victim) => {
      limit(victim, 1);
      await sleep(0.5 * lease);
      limit(victim);
    };
  }
  return new Map(Object.entries(happenings));
}

function limit({ pid }: ChildProcess, bytes?: number): void {
  try {
    limitFileSize(pid!, bytes);
  } catch {
    // The process has been killed meanwhile.
  }
}

function between(from: number, to: number): number {
  return from + Math.random() * (to - from);
}

function pick<T>(list: readonly T[]): T | undefined {
  return list[Math.floor(Math.random() * list.length)];
}
