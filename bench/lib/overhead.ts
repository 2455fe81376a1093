/**
 * Measures what one contender adds to a transport that responds at once, in a process of its own. Its argument is the name
 * of the contender. Each message starts a turn.
 */
import { asFetch } from './clients.ts';
import { contenders } from './contenders.ts';
import { shapes, type ShapeName } from './shapes.ts';
import { stub } from './stub.ts';

export interface Task {
  readonly shape: ShapeName;
  /** Calls of the contender, and as many of the transport alone. */
  readonly calls: number;
}

export interface Figures {
  /** ns per call. */
  readonly time: number;
  /** ns per call of the transport alone, in the same turn. */
  readonly stub: number;
  /** Bytes per call. */
  readonly allocated: number;
  readonly stubAllocated: number;
  /** 1 if the response was not the expected one. */
  readonly wrong: number;
}

type Send = () => Promise<unknown>;

export async function time(send: Send, calls: number): Promise<number> {
  const started = process.hrtime.bigint();
  for (let call = 0; call < calls; call += 1) await send();
  return Number(process.hrtime.bigint() - started) / calls;
}

/** The growth of the heap in so few calls that no collection runs: the young generation is large from the start. */
export async function allocation(send: Send): Promise<number> {
  const calls = 100;
  gc!();
  const before = process.memoryUsage().heapUsed;
  for (let call = 0; call < calls; call += 1) await send();
  return (process.memoryUsage().heapUsed - before) / calls;
}

if (import.meta.main) {
  let transport = stub(shapes.GET);
  const fetch = (globalThis.fetch = () => transport());
  const alone = asFetch(fetch);
  const client = await contenders[process.argv[2]!]!.make();

  const measure = async ({ shape, calls }: Task): Promise<Figures> => {
    const { path, send } = shapes[shape];
    const url = `http://api.example${path}/1`;
    transport = stub(shapes[shape]);
    const [mine, stubs] = [() => send(client, url), () => send(alone, url)];
    return {
      time: await time(mine, calls),
      stub: await time(stubs, calls),
      allocated: await allocation(mine),
      stubAllocated: await allocation(stubs),
      wrong: Number(!(await mine())),
    };
  };
  process.on('message', (task: Task) => {
    void measure(task).then((figures) => process.send!(figures));
  });
  process.on('disconnect', () => process.exit()); // some contenders leave timers
  process.send!('ready');
}
