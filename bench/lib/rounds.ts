/** Interleaved rounds: everybody has a process of its own and its turn in every round, so that a busy moment hits all alike. */
import { fork } from 'node:child_process';

/** Runs a module of this folder in a process of its own: the task goes in as JSON, its figures come back as a message. */
export function inProcess<Figures>(module: string, task: object, execArgv: readonly string[] = []): Promise<Figures> {
  return new Promise((resolve, reject) => {
    let figures: Figures | undefined;
    fork(new URL(`${module}.ts`, import.meta.url), [JSON.stringify(task)], { execArgv: [...execArgv] })
      .on('message', (sent) => (figures = sent as Figures))
      .on('exit', (code) => {
        if (figures !== undefined) resolve(figures);
        else reject(new Error(`${module} ended with ${code}, given ${JSON.stringify(task)}`));
      });
  });
}

export interface Measured<Figures> {
  readonly name: string;
  readonly round: number;
  readonly figures: Figures;
}

export async function interleaved<Figures>(
  rounds: number,
  names: readonly string[],
  measure: (name: string) => Figures | Promise<Figures>,
): Promise<Measured<Figures>[]> {
  const all: Measured<Figures>[] = [];
  for (let round = 0; round < rounds; round += 1) {
    for (const name of names) all.push({ name, round, figures: await measure(name) });
  }
  return all;
}
