/** Runs measurements in processes of their own, and in interleaved rounds, so that other load affects all contenders. */
import { fork } from 'node:child_process';

/** Runs a module of this folder in a new process. The task is its argument, as JSON; a message returns the figures. */
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

/** The figures of one contender in one round. */
export interface Measured<Figures> {
  readonly name: string;
  readonly round: number;
  readonly figures: Figures;
}

/** Measures every contender once in each round. */
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
