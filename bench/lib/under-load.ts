/** Measures clients under load against one server, which has a process of its own. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import type { Figures, Task } from './client.ts';
import { takeTurns, type Plan, type Results } from './turns.ts';

export interface Load {
  readonly processes: number;
  readonly rounds: number;
  /** The duration of a turn, ms. */
  readonly time: number;
  /** How many requests each process sends before its first round. V8 compiles by calls, so a time would be too short under other load. */
  readonly warmUp: number;
  /** How many requests precede each turn. */
  readonly leadIn: number;
  readonly execArgv: readonly string[];
}

/** `module` is the module in this folder that exports the contenders. */
export async function underLoad(
  module: string,
  plan: Plan,
  { processes, rounds, time, warmUp, leadIn, execArgv }: Load,
): Promise<Results<Figures>> {
  const server = fork(new URL('json-server.ts', import.meta.url), { execArgv: [] });
  const [origin] = (await once(server, 'message')) as [string];
  const results = await takeTurns<Omit<Task, 'shape'>, Figures>(plan, {
    module: 'client',
    args: [module, origin],
    execArgv,
    processes,
    rounds,
    task: { time },
    warmUp: (shapes) => ({ requests: warmUp / shapes / 2 }),
    leadIn: { requests: leadIn },
  });
  server.disconnect();
  return results;
}

/** Requests per second. */
export function rate({ requests, wall }: Figures): number {
  return (1_000 * requests) / wall;
}
