/** The first calls of a process. `bench/cold.ts` runs this module in a process of its own. */
import { contenders } from './contenders.ts';
import { shapes, type ShapeName } from './shapes.ts';
import { stub } from './stub.ts';

export interface Task {
  readonly contender: string;
  readonly shape: ShapeName;
  readonly calls: number;
  /** The server. Absent: the fetch is a stub. */
  readonly origin?: string;
}

export interface Figures {
  /** The import and the set-up of the contender, ms. */
  readonly load: number;
  /** All calls, one after another, ms. */
  readonly calls: number;
  readonly wrong: number;
}

async function measure({ contender, shape, calls, origin }: Task): Promise<Figures> {
  void globalThis.Response; // Node loads its bundled undici on the first access, but not on that of `fetch`
  if (origin === undefined) globalThis.fetch = stub(shapes[shape]);
  const { path, send } = shapes[shape];
  const imported = performance.now();
  const client = await contenders[contender]!.make();
  const started = performance.now();
  let wrong = 0;
  for (let call = 0; call < calls; call += 1) {
    if (!(await send(client, `${origin ?? 'http://api.example'}${path}/${call}`))) wrong += 1;
  }
  return { load: started - imported, calls: performance.now() - started, wrong };
}

if (import.meta.main) {
  process.send!(await measure(JSON.parse(process.argv[2]!) as Task));
  process.exit(); // some contenders leave timers
}
