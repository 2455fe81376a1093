/**
 * `npm run bench:transport`: GETs of a short piece of JSON over loopback, 64 in flight, by way of `kyoa/undici` and of
 * its peers. The server answers canned bytes from a bare socket, so that it is not what is measured. Server and clients
 * have processes of their own; every client has its turn in every round, ratios are those within a round, the table
 * shows medians, and results/transport.json all of it. `--smoke`: one short round of kyoa and what comes with Node.
 */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { findPackageJSON } from 'node:module';
import { cpus, loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import { contenders, type Figures, type Task } from './lib/transport.ts';

const { smoke, only } = parseArgs({
  options: { smoke: { type: 'boolean', default: false }, only: { type: 'string', default: '' } },
}).values;
/** ms; V8 goes on compiling for four seconds, during which `standard()` gets four times as fast. */
const warmUp = smoke ? 200 : 5_000;
const [rounds, time] = smoke ? [1, 200] : [11, 1_000];
const inFlight = 64;
const yardstick = 'global fetch';

const packages = ['undici', 'ky', 'ofetch', 'axios', 'got'];
const versions: Record<string, string | undefined> = { node: process.version };
for (const name of packages) versions[name] = await versionOf(name);

const names = Object.keys(contenders).filter((name) => name === yardstick || new RegExp(only).test(name));
const present = names.filter((name) => {
  const { package: needed } = contenders[name]!;
  return needed === undefined || (!smoke && versions[needed] !== undefined);
});

const server = fork(new URL('lib/transport-server.ts', import.meta.url), { execArgv: [] });
const [url] = (await once(server, 'message')) as [string];
const clients = new Map<string, ChildProcess>();
for (const name of present) {
  const client = fork(new URL('lib/transport.ts', import.meta.url), [name, url], { execArgv: [] });
  await once(client, 'message');
  clients.set(name, client);
  await ask(client, { time: warmUp, inFlight });
}

const all = new Map<string, Figures[]>(present.map((name) => [name, []]));
for (let round = 0; round < rounds; round += 1) {
  for (const name of present) all.get(name)!.push(await ask(clients.get(name)!, { time, inFlight }));
}
for (const child of [server, ...clients.values()]) child.disconnect();

const machine = `${cpus().length} x ${cpus()[0]!.model}, load ${loadavg()[0]!.toFixed(1)}`;
console.log(
  `GET of JSON over loopback, ${inFlight} in flight, medians of ${rounds} rounds of ${time} ms, after ${warmUp} ms`,
);
console.log([machine, ...Object.entries(versions).map(([name, version]) => `${name} ${version ?? '-'}`)].join(', '));
console.log(`\n| | requests/s | over the ${yardstick}'s | CPU, us a request | p50, ms | over its | p99, ms | wrong |`);
console.log('|---|---|---|---|---|---|---|---|');
const rate = ({ requests, wall }: Figures): number => (1_000 * requests) / wall;
for (const name of present) {
  const mine = all.get(name)!;
  const over = (figure: (figures: Figures) => number): string =>
    median(mine.map((figures, round) => figure(figures) / figure(all.get(yardstick)![round]!))).toFixed(2);
  const p50 = ({ p50 }: Figures): number => p50;
  const cells = [
    Math.round(median(mine.map(rate))).toLocaleString('en'),
    over(rate),
    median(mine.map(({ cpu }) => cpu)).toFixed(0),
    median(mine.map(p50)).toFixed(2),
    over(p50),
    median(mine.map(({ p99 }) => p99)).toFixed(2),
    mine.reduce((sum, { wrong }) => sum + wrong, 0),
  ];
  console.log(`| ${name} | ${cells.join(' | ')} |`);
}
const missing = names.filter((name) => !present.includes(name));
if (missing.length > 0) console.log(`\nLeft out: ${missing.join(', ')}. To measure them: npm install --prefix bench`);

if (!smoke && only === '') {
  const file = new URL('results/transport.json', import.meta.url);
  await mkdir(new URL('.', file), { recursive: true });
  await writeFile(
    file,
    `${JSON.stringify({ machine, versions, inFlight, time, rounds: Object.fromEntries(all) }, null, 2)}\n`,
  );
}

async function ask(client: ChildProcess, task: Task): Promise<Figures> {
  client.send(task);
  const [figures] = (await once(client, 'message')) as [Figures];
  return figures;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!;
}

async function versionOf(name: string): Promise<string | undefined> {
  try {
    const manifest = JSON.parse(await readFile(findPackageJSON(name, import.meta.url)!, 'utf8')) as { version: string };
    return manifest.version;
  } catch {
    return undefined; // not installed
  }
}
