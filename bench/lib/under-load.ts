/**
 * Many clients against one server, each in a process of its own that is kept: all have their turn in every round. Then
 * once more with new processes, for the compiler and the collector have their moods, which last as long as a process.
 */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import type { Figures, Task } from './client.ts';

export interface Load extends Task {
  /** ms before the first round of a process. */
  readonly warmUp: number;
  /** Of each process. */
  readonly rounds: number;
  /** One after another. */
  readonly processes: number;
}

/** By contender, the figures of its rounds. `module`: the one beside this with the contenders. */
export async function underLoad(
  module: string,
  names: readonly string[],
  { processes, ...load }: Load,
): Promise<Map<string, Figures[]>> {
  const server = fork(new URL('json-server.ts', import.meta.url), { execArgv: [] });
  const [origin] = (await once(server, 'message')) as [string];
  const all = new Map<string, Figures[]>(names.map((name) => [name, []]));
  for (let process = 0; process < processes; process += 1) await play(all, [module, origin], load);
  server.disconnect();
  return all;
}

async function play(
  all: Map<string, Figures[]>,
  [module, origin]: readonly [string, string],
  { warmUp, rounds, time, inFlight }: Omit<Load, 'processes'>,
): Promise<void> {
  const clients = new Map<string, ChildProcess>();
  for (const name of all.keys()) {
    const client = fork(new URL('client.ts', import.meta.url), [module, name, origin], { execArgv: [] });
    await once(client, 'message');
    clients.set(name, client);
    await ask(client, { time: warmUp, inFlight });
  }
  for (let round = 0; round < rounds; round += 1) {
    for (const [name, client] of clients) all.get(name)!.push(await ask(client, { time, inFlight }));
  }
  for (const client of clients.values()) client.disconnect();
}

async function ask(client: ChildProcess, task: Task): Promise<Figures> {
  client.send(task);
  const [figures] = (await once(client, 'message')) as [Figures];
  return figures;
}

/** Requests a second. */
export function rate({ requests, wall }: Figures): number {
  return (1_000 * requests) / wall;
}

/** Of a figure of one client to that of another, within each round. */
export function ratios(
  mine: readonly Figures[],
  others: readonly Figures[],
  figure: (figures: Figures) => number,
): number[] {
  return mine.map((figures, round) => figure(figures) / figure(others[round]!));
}
