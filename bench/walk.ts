/**
 * `npm run bench:walk`: the walk of one plain GET through `standard()`, from the call to the end of `.json()`: how many
 * functions of src run, of how many different ones, in how many files, and how often the next function is in another file.
 * The call that is counted is the 31st, over a loopback server: what only a first call creates is there by then.
 * `--client` walks through the client, `--list` prints each step.
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join, relative } from 'node:path';
import { parseArgs } from 'node:util';

import { callAtEveryFunction } from './lib/walk-hooks.ts';

interface Step {
  readonly file: string;
  readonly name: string;
}

const { client, list } = parseArgs({
  options: { client: { type: 'boolean', default: false }, list: { type: 'boolean', default: false } },
}).values;
const callsBefore = 30;
const root = join(import.meta.dirname, '..');

let steps: Step[] = [];
Object.assign(globalThis, { enterFunction: (file: string, name: string) => void steps.push({ file, name }) });
callAtEveryFunction('enterFunction', (file) =>
  ['src/', 'adapters/'].some((folder) => file.startsWith(join(root, folder))),
);
const { default: kyoa, createFetch, standard } = await import('../src/index.ts');

const server = createServer((_request, response) => {
  response.setHeader('content-type', 'application/json').end('{"ok":true}');
});
await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/users`;

const fetch = createFetch({ use: standard() });
const call = async (): Promise<unknown> => (client ? kyoa.get(url).json() : (await fetch(url)).json());
for (let n = 0; n < callsBefore; n += 1) await call();
steps = [];
await call();
const walk = steps;
server.close();
server.closeAllConnections();

const changes = walk.filter(({ file }, index) => index > 0 && file !== walk[index - 1]!.file).length;
if (list) for (const { file, name } of walk) console.log(`${relative(root, file)}  ${name}`);
console.log(`One GET through ${client ? 'the client' : 'createFetch({ use: standard() })'}, then .json()`);
console.log(`  function calls   ${walk.length}`);
console.log(`  functions        ${new Set(walk.map(({ file, name }) => `${file} ${name}`)).size}`);
console.log(`  files            ${new Set(walk.map(({ file }) => file)).size}`);
console.log(`  changes of file  ${changes}`);
