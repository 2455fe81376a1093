/**
 * `npm run proof:policy`: a client under load moves from blue over a canary of 10 % to green, while its policy document is
 * edited, in a file and in a real etcd. Then a document with a fault is written, a region is killed, and etcd is restarted. No
 * caller may see an error, and each change must be in force within a second. At last a policy changes a thousand times under load, and nothing of
 * it may be left. `--smoke` takes a few seconds.
 */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { etcd, file } from '../adapters/policy/sources.ts';
import { createFetch, type KyoaFetch } from '../src/index.ts';
import { policy, type LivePolicy, type PolicyDocument, type PolicySource } from '../src/policy.ts';
import { startEtcd } from '../test/support/etcd.ts';
import { openSockets } from '../test/support/sockets.ts';

import { changeUnderLoad } from './lib/policy-changes.ts';
import { printTable } from './lib/report.ts';

const smoke = process.argv.includes('--smoke');
const stepTime = smoke ? 1_000 : 10_000;
const rate = 200;
/** A change must be in force within this time, ms. A file is looked at every 5 s, and watched. */
const poll = smoke ? 5_000 : 1_000;

interface Place {
  readonly write: (text: string) => Promise<void>;
  readonly source: PolicySource;
  /** Stops the server that has the document, and starts it again. */
  readonly restart?: () => Promise<void>;
}

/** What callers saw in one step. */
interface Seen {
  calls: number;
  errors: unknown[];
  readonly by: Record<string, number>;
}

const rows: (string | number)[][] = [];
const faults: string[] = [];

async function release(name: string, { write, source, restart }: Place): Promise<void> {
  const servers = await Promise.all(
    ['blue', 'green'].flatMap((release) => ['eu', 'us'].map((region) => start(release, region))),
  );
  const documentOf = (version: number, green: number): PolicyDocument => ({
    version,
    use: [
      { timeout: { total: 10_000 } },
      { idempotency: {} },
      { retry: { retries: 3, backoff: { exponential: [50, 500] } } },
      { timeout: { headers: 1_000 } },
      {
        endpoints: {
          list: servers.map(({ url, release }) => ({ url, weight: release === 'green' ? green : 10 - green })),
          eject: { failures: 2, for: 2_000 },
        },
      },
    ],
  });
  await write(JSON.stringify(documentOf(1, 0)));
  using live = policy([source], { listener: () => {} }); // the document with a fault is no news here
  const load = new Load(createFetch({ use: live }));

  const steps: { readonly what: string; readonly inForce: number; readonly change: Seen; readonly seen: Seen }[] = [];
  const step = async (what: string, make: () => Promise<unknown>, longest = poll): Promise<Seen> => {
    const started = performance.now();
    const change = load.since(); // these calls begin with the stack before the change, or with the one after it
    await make();
    const inForce = performance.now() - started;
    expect(inForce < longest, `${name}, ${what}: in force after ${inForce.toFixed(0)} ms`);
    const seen = load.since();
    steps.push({ what, inForce, change, seen });
    await sleep(stepTime);
    return seen;
  };
  const edit = (version: number, green: number) => async (): Promise<void> => {
    await write(JSON.stringify(documentOf(version, green), null, 2));
    await until(() => live.snapshot().version === version);
  };

  const blue = await step('blue', () => until(() => live.snapshot().version === 1));
  const canary = await step('canary of 10 %', edit(2, 1));
  await step('a document with a fault', async () => {
    await write(JSON.stringify(documentOf(3, 1)).replace('"retries":3', '"retries":-3'));
    await until(() => live.snapshot().sources[0]?.refused !== undefined);
  });
  const afterFault = live.snapshot().version;
  const [refused] = refusals(live);
  const green = await step('green', edit(4, 10));
  const killed = await step('a region is killed', async () => {
    for (const { child, region } of servers) if (region === 'eu') child.kill('SIGKILL');
  });
  if (restart !== undefined) await step('the server restarts', restart, 30_000);
  await step('back to blue', edit(5, 0));

  await load.end(); // a call that began in a step may end in the next one
  for (const { what, inForce, change, seen } of steps) {
    const { calls, by } = seen;
    const errors = [...change.errors, ...seen.errors];
    const places = ['blue', 'green', 'eu', 'us'].map((place) => by[place] ?? 0);
    rows.push([`${name}: ${what}`, Math.round(inForce), calls, errors.length, ...places]);
    expect(errors.length === 0, `${name}, ${what}: callers saw ${String(errors[0])}`);
  }
  const share = (canary.by['green'] ?? 0) / canary.calls;
  const [least, most] = smoke ? [0.01, 0.2] : [0.08, 0.12];
  expect(!blue.by['green'], `${name}: green got calls before the canary`);
  expect(share > least && share < most, `${name}: the canary got ${(100 * share).toFixed(1)} %`);
  expect(afterFault === 2, `${name}: the document with a fault is in force`);
  expect(refused === 'use[2].retry.retries', `${name}: the fault was found at ${refused}`);
  expect(!green.by['blue'], `${name}: blue got calls after the switch`);
  expect(!killed.by['eu'], `${name}: a killed region responded`);
  for (const { child } of servers) child.kill('SIGKILL');
}

function refusals(live: LivePolicy): string[] {
  return live.snapshot().sources.flatMap(({ refused }) => refused?.problems.map(({ path }) => path) ?? []);
}

/** Calls at a fixed rate, regardless of how long they take: every other one is a POST. */
class Load {
  readonly #fetch: KyoaFetch;
  readonly #running = new Set<Promise<void>>();
  readonly #timer: NodeJS.Timeout;
  #seen: Seen = { calls: 0, errors: [], by: {} };
  #sent = 0;

  constructor(fetch: KyoaFetch) {
    this.#fetch = fetch;
    const started = performance.now();
    this.#timer = setInterval(() => {
      while (this.#sent < ((performance.now() - started) * rate) / 1_000) this.#send();
    }, 5);
  }

  /** What calls that begin from now on see. */
  since(): Seen {
    return (this.#seen = { calls: 0, errors: [], by: {} });
  }

  async end(): Promise<void> {
    clearInterval(this.#timer);
    await Promise.all(this.#running);
  }

  #send(): void {
    const seen = this.#seen;
    const init = (this.#sent += 1) % 2 === 0 ? {} : { method: 'POST', body: '{}' };
    const call = this.#call(seen, init).finally(() => this.#running.delete(call));
    this.#running.add(call);
  }

  async #call(seen: Seen, init: RequestInit): Promise<void> {
    seen.calls += 1;
    try {
      const response = await this.#fetch('http://shop.example/orders', init);
      const { release, region } = (await response.json()) as Record<'release' | 'region', string>;
      for (const name of [release, region]) seen.by[name] = (seen.by[name] ?? 0) + 1;
    } catch (error) {
      seen.errors.push(error);
    }
  }
}

interface Server {
  readonly child: ChildProcess;
  readonly url: string;
  readonly release: string;
  readonly region: string;
}

async function start(release: string, region: string): Promise<Server> {
  const child = fork(new URL('lib/release-server.ts', import.meta.url), [release, region], { execArgv: [] });
  const [url] = (await once(child, 'message')) as [string];
  return { child, url, release, region };
}

async function inFile(run: (place: Place) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'kyoa-policy-'));
  const path = join(folder, 'policy.json');
  let edits = 0;
  // An editor writes another file and renames it; a script writes the file itself.
  const write = async (text: string): Promise<void> => {
    if ((edits += 1) % 2 === 0) return writeFile(path, text);
    await writeFile(`${path}.new`, text);
    await rename(`${path}.new`, path);
  };
  await run({ write, source: file(path) });
  await rm(folder, { recursive: true });
}

async function inEtcd(run: (place: Place) => Promise<void>): Promise<void> {
  await using server = await startEtcd();
  await run({
    write: async (text) => void (await server.put('shop/http', text)),
    source: etcd(server.address, 'shop/http'),
    restart: async () => {
      await server.kill();
      await server.start();
    },
  });
  const { port } = new URL(server.address);
  await until(() => openSockets(Number(port)).every(({ referenced }) => !referenced));
}

async function until(holds: () => boolean): Promise<void> {
  const end = performance.now() + 10_000;
  while (!holds()) {
    if (performance.now() > end) return void faults.push(`not within 10 s: ${String(holds)}`);
    await sleep(2);
  }
}

function expect(holds: boolean, fault: string): void {
  if (!holds) faults.push(fault);
}

/** As many changes as calls: what they leave is compared with what the same calls leave without them. */
async function changes(): Promise<void> {
  const servers = await Promise.all(['eu', 'us'].map((region) => start('blue', region)));
  const documentOf = (version: number): PolicyDocument => ({
    version,
    use: [
      { timeout: { total: 10_000 + version } },
      { retry: { retries: 1 + (version % 3), backoff: { exponential: [50, 500 + version] } } },
      { breaker: { volume: 1_000 + version } },
      { limit: { concurrency: 1_000 + version } },
      { endpoints: { list: servers.map(({ url }, index) => ({ url, weight: 1 + ((version + index) % 9) })) } },
    ],
    routes: { '/orders': { timeout: 9_000 + version } },
  });
  const seconds = smoke ? 1 : 10;
  const left: (string | number)[][] = [];
  for (const count of [0, 1_000]) {
    const seen = await changeUnderLoad(documentOf, count, seconds, rate);
    const { calls, errors, heap, stacks, timers, sockets, listeners } = seen;
    left.push([`${count} changes`, calls, errors, heap, stacks, timers, sockets, listeners]);
    expect(errors === 0, `${count} changes: ${errors} calls failed`);
    expect(heap < 1_000, `${count} changes: the heap grew by ${heap} kB`);
    expect(stacks <= 1, `${count} changes: ${stacks} stacks are left`);
    expect(timers === 0, `${count} changes: ${timers} timers are left`);
    expect(sockets === 0, `${count} changes: ${sockets} connections hold the process`);
    expect(listeners === 0, `${count} changes: ${listeners} listeners are left`);
  }
  printTable(['calls', 'errors', 'heap, kB', 'stacks', 'timers', 'sockets', 'listeners'], left);
  for (const { child } of servers) child.kill('SIGKILL');
}

await inFile(async (place) => release('file', place));
await inEtcd(async (place) => release('etcd', place));
await changes();

printTable(['in force after, ms', 'calls', 'errors', 'blue', 'green', 'eu', 'us'], rows);
for (const fault of faults) console.error(fault);
process.exitCode = faults.length === 0 ? 0 : 1;
