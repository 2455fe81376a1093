/**
 * `npm run proof:upload`: 20 uploads of 50 MB, each of which is killed three times at a random byte, by SIGKILL in Node and by a
 * reload in Chromium, over tus and over the draft. All must arrive whole, and what is sent again must fit into the buffers of a
 * connection. tus-js-client does the same over tus, if it is installed. `--smoke` takes a few seconds.
 */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import type { Page } from 'playwright';

import type { indexeddb } from '../adapters/storage/indexeddb.ts';
import type kyoa from '../src/index.ts';
import type { upload } from '../src/upload.ts';
import { root } from '../test/support/lanes.ts';
import { importMap, pages, type Pages } from '../test/support/pages.ts';
import { uploadServer, type UploadServer } from '../test/support/uploads/server.ts';
import type { TusClient } from './lib/tus-client.ts';
import { fileBytes } from './lib/upload-file.ts';

const smoke = process.argv.includes('--smoke');
const uploads = smoke ? 2 : 20;
const size = (smoke ? 8 : 50) * 1_000_000;
const kills = 3;
/** What a kill may make the client send again: bytes that the server has received and not stored, in buffers. */
const mostAgain = 4 * 1024 * 1024;

const tusScript = 'bench/node_modules/tus-js-client/dist/tus.min.js';
const hasTus = existsSync(join(root, tusScript));

type ClientName = 'kyoa' | 'tus-js-client';
type Row = Record<string, string | number>;
/** Runs until the upload is complete, and resolves to its URL, or until `stop` is called. */
interface Run {
  readonly url: Promise<string | undefined>;
  readonly stop: () => Promise<void>;
}
type Start = (client: ClientName, server: UploadServer, seed: number) => Promise<Run>;

/** The tab of an upload. */
let tab: { readonly seed: number; readonly server: UploadServer; readonly page: Page } | undefined;
const folder = mkdtempSync(join(tmpdir(), 'kyoa-proof-'));
const browser = await openBrowser();
const rows: Row[] = [];
try {
  for (const [runtime, start] of [
    ['Node', inNode],
    ['Chromium', inChromium],
  ] as const) {
    rows.push(await prove(runtime, start, 'kyoa', 'tus'), await prove(runtime, start, 'kyoa', 'draft'));
    if (hasTus) rows.push(await prove(runtime, start, 'tus-js-client', 'tus'));
  }
} finally {
  await browser[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true });
}
console.table(rows);
if (!hasTus) console.log('Left out: tus-js-client. To include it: npm install --prefix bench');

const proved = rows
  .filter(({ client }) => client === 'kyoa')
  .every((row) => row['whole'] === uploads && Number(row['again after a kill, most kB']) * 1_000 <= mostAgain);
console.log(proved ? 'proved: all uploads arrived whole' : 'NOT PROVED: see the table');
process.exitCode = proved ? 0 : 1;

async function prove(runtime: string, start: Start, client: ClientName, protocol: 'tus' | 'draft'): Promise<Row> {
  await using server = await uploadServer({ protocol });
  const sent = (): number => server.seen.reduce((sum, { bytes }) => sum + bytes, 0);
  const again: number[] = [];
  let whole = 0;
  let killed = 0;
  for (let seed = 1; seed <= uploads; seed += 1) {
    const before = sent();
    const places = Array.from({ length: kills }, () => Math.random() * size).sort((a, b) => a - b);
    let url: string | undefined;
    let hits = 0;
    for (const place of [...places, Infinity]) {
      const run = await start(client, server, seed);
      let isOver = false;
      const over = run.url.finally(() => (isOver = true));
      while (!isOver && sent() - before < place) await new Promise((resolve) => setTimeout(resolve, 1));
      if (!isOver) {
        hits += 1;
        await run.stop();
      }
      url = (await over) ?? url;
      if (url !== undefined) break;
    }
    killed += hits;
    again.push(Math.max(0, sent() - before - size) / Math.max(hits, 1));
    if (url !== undefined && hash(await server.bytesOf(url)) === hash(fileBytes(size, seed))) whole += 1;
    await server.forget();
  }
  const total = again.reduce((sum, bytes) => sum + bytes, 0);
  return {
    client,
    runtime,
    protocol,
    uploads,
    kills: killed,
    whole,
    'again after a kill, mean kB': Math.round(total / uploads / 1_000),
    'again after a kill, most kB': Math.round(Math.max(...again) / 1_000),
    'requests per upload': Math.round((10 * server.seen.length) / uploads) / 10,
  };
}

async function inNode(client: ClientName, server: UploadServer, seed: number): Promise<Run> {
  const path = join(folder, `film-${seed}`);
  if (!existsSync(path)) writeFileSync(path, fileBytes(size, seed));
  const script = join(import.meta.dirname, 'proof-upload-client.ts');
  const state = join(folder, `${client}-${new URL(server.url).port}-${seed}`);
  const child = spawn(process.execPath, [script, client, server.url, path, state], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
  const exit = once(child, 'close');
  return {
    url: exit.then(() => output.trim() || undefined),
    async stop() {
      child.kill('SIGKILL');
      await exit;
    },
  };
}

async function inChromium(client: ClientName, server: UploadServer, seed: number): Promise<Run> {
  if (tab?.seed !== seed || tab.server !== server) {
    await tab?.page.context().close();
    tab = { seed, server, page: (await browser.tabs(1))[0] };
  }
  const { page } = tab;
  if (client === 'tus-js-client') await page.addScriptTag({ path: join(root, tusScript) });
  const url = page.evaluate(sendInPage, { client, url: server.url, size, seed });
  return { url: url.catch(() => undefined), stop: async () => void (await page.reload()) };
}

interface Order {
  readonly client: ClientName;
  readonly url: string;
  readonly size: number;
  readonly seed: number;
}

/** Runs in the page. */
async function sendInPage({ client, url, size, seed }: Order): Promise<string> {
  const { kyoa, upload, indexeddb, fileBytes, tus } = globalThis as unknown as InPage;
  const file = new File([fileBytes(size, seed)], `film-${seed}`, { lastModified: 1 });
  if (client === 'kyoa') {
    const storage = indexeddb('uploads');
    return (await upload(kyoa, url, file, { requestId: file.name, storage })).url;
  }
  return new Promise((resolve, reject) => {
    const sending = new tus.Upload(file, { endpoint: url, onError: reject, onSuccess: () => resolve(sending.url!) });
    void sending.findPreviousUploads().then(([previous]) => {
      if (previous) sending.resumeFromPreviousUpload(previous);
      sending.start();
    }, reject);
  });
}

interface InPage {
  readonly kyoa: typeof kyoa;
  readonly upload: typeof upload;
  readonly indexeddb: typeof indexeddb;
  readonly fileBytes: typeof fileBytes;
  readonly tus: TusClient;
}

function openBrowser(): Promise<Pages> {
  const script = `
    import kyoa from 'kyoa';
    import { upload } from 'kyoa/upload';
    import { indexeddb } from 'kyoa/indexeddb';
    import { fileBytes } from '/bench/lib/upload-file.ts';
    Object.assign(globalThis, { kyoa, upload, indexeddb, fileBytes });
  `;
  return pages(script, importMap);
}

function hash(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
