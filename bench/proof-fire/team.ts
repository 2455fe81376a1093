/** Four client processes. One that was killed is replaced. */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

import type { Order, Report, Task } from './worker.ts';

export interface Team {
  /** The processes that are at work. */
  readonly members: ReadonlySet<ChildProcess>;
  /** Resolves when all calls in flight have ended. */
  readonly stop: () => Promise<void>;
}

export function send(child: ChildProcess, order: Order): void {
  child.send(order, () => {}); // it may just have been killed
}

export function startTeam(size: number, task: Task, onReport: (report: Report, pid: number) => void): Team {
  const members = new Set<ChildProcess>();
  let isOver = false;
  const member = async (): Promise<void> => {
    while (!isOver) {
      await startWorker({ task }, onReport, {
        ready: (child) => {
          members.add(child);
          if (isOver) send(child, 'stop');
        },
        end: (child) => members.delete(child),
      });
    }
  };
  const all = Promise.all(Array.from({ length: size }, member));
  all.catch(() => {}); // stop() rejects with it
  return {
    members,
    async stop() {
      isOver = true;
      for (const child of members) send(child, 'stop');
      await all;
    },
  };
}

interface Observer {
  readonly ready: (child: ChildProcess) => void;
  readonly end: (child: ChildProcess) => void;
}

/** Resolves when the process has ended its work or was killed. */
export async function startWorker(
  order: Extract<Order, { readonly task: Task }>,
  onReport: (report: Report, pid: number) => void,
  observer: Partial<Observer> = {},
): Promise<void> {
  const child = fork(join(import.meta.dirname, 'worker.ts'), { stdio: 'inherit' });
  child.on('message', (report: Report) => {
    if (report !== 'ready') return onReport(report, child.pid!);
    send(child, order);
    observer.ready?.(child);
  });
  const [code, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
  observer.end?.(child);
  if (signal !== 'SIGKILL' && code !== 0) throw new Error(`A process ended with ${code ?? signal}`);
}
