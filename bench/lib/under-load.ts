/**
 * Measures clients under load against one server. Each client has a process of its own, which it keeps for all rounds,
 * and the clients take turns in every round. Then all is repeated with new processes: V8's compiler and collector behave
 * differently from one process to the next, but constantly within a process.
 */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import type { Figures, Task } from './client.ts';

export interface Load extends Task {
  /** How long each process sends requests before its first round, ms. */
  readonly warmUp: number;
  /** The number of rounds of each process. */
  readonly rounds: number;
  /** The number of processes of each client, one after another. */
  readonly processes: number;
}

/** Returns the figures of all rounds by client. `module` is the module in this folder that exports the contenders. */
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

/** Requests per second. */
export function rate({ requests, wall }: Figures): number {
  return (1_000 * requests) / wall;
}

/** The ratios of a figure of one client to that of another, each within one round. */
export function ratios(
  mine: readonly Figures[],
  others: readonly Figures[],
  figure: (figures: Figures) => number,
): number[] {
  return mine.map((figures, round) => figure(figures) / figure(others[round]!));
}
