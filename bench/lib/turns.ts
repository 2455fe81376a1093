/**
 * Contenders take turns in many short rounds, so that a change of the machine's speed affects all of them, and the ratio of
 * two contenders is computed within a round. Each contender has a process of its own, which it keeps for all rounds and in
 * which it makes the calls of all its shapes, as an application does. Then all is repeated with new processes: V8's compiler
 * and collector behave differently from one process to the next, but constantly within a process.
 */
import { fork, type ChildProcess } from 'node:child_process';
import { shapeNames, type ShapeName } from './shapes.ts';

/** The shapes in which each contender is measured. */
export type Plan = Readonly<Record<string, readonly ShapeName[]>>;

/** The figures of each round, by contender and shape. */
export type Results<Figures> = Readonly<Record<string, Readonly<Partial<Record<ShapeName, Figures[]>>>>>;

export interface Turns<Task> {
  /** The module in this folder that measures. Its first argument is the name of the contender, and it gets a task for each turn. */
  readonly module: string;
  readonly args?: readonly string[];
  readonly execArgv?: readonly string[];
  /** The number of processes of each contender, one after another. */
  readonly processes: number;
  /** The number of rounds of each process. */
  readonly rounds: number;
  /** The work of one turn. A process has two turns of `warmUp` per shape before its first round. */
  readonly task: Task;
  readonly warmUp: (shapes: number) => Task;
  /**
   * Work before each turn, which is not measured: while a process waits for its turn, V8 drops compiled code that refers to
   * classes of objects of which none is left. A program that works all the time keeps it.
   */
  readonly leadIn: Task;
}

export async function takeTurns<Task extends object, Figures>(
  plan: Plan,
  { module, args = [], execArgv = [], processes, rounds, task, warmUp, leadIn }: Turns<Task>,
): Promise<Results<Figures>> {
  const results = emptyResults<Figures>(plan);
  for (let repetition = 0; repetition < processes; repetition += 1) {
    const players = new Map<string, ChildProcess>();
    for (const [name, shapes] of Object.entries(plan)) {
      const player = fork(new URL(`${module}.ts`, import.meta.url), [name, ...args], { execArgv: [...execArgv] });
      players.set(name, player);
      await next(player);
      // Twice: the second shape may undo what V8 has compiled for the first.
      for (const shape of [...shapes, ...shapes]) await ask(player, { shape, ...warmUp(shapes.length) });
    }
    await addRounds(results, rounds, async (name, shape) => {
      await ask(players.get(name)!, { shape, ...leadIn });
      return ask<Figures>(players.get(name)!, { shape, ...task });
    });
    for (const player of players.values()) player.disconnect();
  }
  return results;
}

/** Measures each contender once in each round and shape. */
export async function inRounds<Figures>(
  plan: Plan,
  rounds: number,
  measure: (name: string, shape: ShapeName) => Promise<Figures>,
): Promise<Results<Figures>> {
  const results = emptyResults<Figures>(plan);
  await addRounds(results, rounds, measure);
  return results;
}

async function addRounds<Figures>(
  results: Results<Figures>,
  rounds: number,
  measure: (name: string, shape: ShapeName) => Promise<Figures>,
): Promise<void> {
  for (let round = 0; round < rounds; round += 1) {
    // Every second round runs backwards, so that no contender always follows the same one.
    const order = round % 2 === 0 ? Object.entries(results) : Object.entries(results).toReversed();
    for (const shape of shapeNames) {
      for (const [name, mine] of order) if (mine[shape]) mine[shape].push(await measure(name, shape));
    }
  }
}

function emptyResults<Figures>(plan: Plan): Results<Figures> {
  return Object.fromEntries(
    Object.entries(plan).map(([name, shapes]) => [name, Object.fromEntries(shapes.map((shape) => [shape, []]))]),
  );
}

function ask<Figures>(player: ChildProcess, task: object): Promise<Figures> {
  const reply = next<Figures>(player);
  player.send(task);
  return reply;
}

/** The next message of a process. */
function next<Message>(player: ChildProcess): Promise<Message> {
  return new Promise((resolve, reject) => {
    const end = (code: number | null): void => reject(new Error(`${player.spawnargs.join(' ')} ended with ${code}`));
    player.once('exit', end);
    player.once('message', (message) => {
      player.off('exit', end);
      resolve(message as Message);
    });
  });
}

/** The ratios of a figure of one contender to that of another, each within one round. */
export function ratios<Figures>(
  mine: readonly Figures[],
  others: readonly Figures[],
  figure: (figures: Figures) => number,
): number[] {
  return mine.map((figures, round) => figure(figures) / figure(others[round]!));
}
