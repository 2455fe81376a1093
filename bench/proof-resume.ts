/**
 * `npm run proof:resume`: 200 downloads of 20 MB from nginx, whose connections are cut at three random places each, and 50
 * of files that are replaced after the first cut: through `resume` on the global fetch, on `undici()` and in Chromium, and
 * through the peers. `--smoke` is short; `--only=name` runs those whose name has the text.
 */
import { createHash } from 'node:crypto';
import { parseArgs } from 'node:util';
import ky from 'ky';
import { Agent, RetryAgent, request } from 'undici';
import type { Page } from 'playwright';
import { undici } from '../adapters/transport/undici/undici.ts';
import { createFetch, standard } from '../src/index.ts';
import { pages } from '../test/support/pages.ts';
import { openSite, runDownloads, type Plan, type Read, type Tally } from './lib/downloads.ts';
import { load } from './lib/load.ts';
import { chromiumRead, pageImports, pageModule } from './lib/download-page.ts';

const { values } = parseArgs({
  options: { smoke: { type: 'boolean', default: false }, only: { type: 'string', default: '' } },
});
/**
 * The line of a page, bytes/s. Loopback fills the buffers of Chromium, some 250 kB, which it drops when the body breaks off. A
 * line does so only if the page reads more slowly than it brings.
 */
const lineOfPage = 25_000_000;
const size = values.smoke ? { downloads: 8, bytes: 2_000_000 } : { downloads: 200, bytes: 20_000_000 };

async function digestOf(chunks: AsyncIterable<Uint8Array>): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of chunks) hash.update(chunk);
  return hash.digest('hex');
}

const through =
  (fetch: (url: string) => Promise<Response>): Read =>
  async (url) =>
    digestOf((await fetch(url)).body!);

const timeout = { total: 600_000 };
const onGlobal = createFetch({ use: standard({ timeout, retry: { budget: false } }) });
const transport = undici();
const onUndici = createFetch({ use: standard({ timeout, retry: { budget: false } }), fetch: transport });
type Got = (url: string) => { buffer(): Promise<Buffer> };
const { default: got } = await load<{ default: Got }>('got');
const retrying = new RetryAgent(new Agent());

await using served = await pages(pageModule, pageImports);
await using site = await openSite(Number(new URL(served.origin).port));
const [own] = await served.tabs(1);
const [same] = await served.tabs(1);
await same.goto(`${site.proxy.origin}/`);
await Promise.all([own, same].map((page) => page.waitForFunction('globalThis.digest')));

interface Contender {
  readonly name: string;
  readonly read: Read;
  readonly kind?: Plan['kind'];
  readonly isPeer?: true;
  readonly page?: Page;
}

/** The bytes that kyoa has asked for although the page had read them. All others beyond the file are lost by the browser. */
const askedTwice = async (page: Page): Promise<number> => (await page.evaluate('askedTwice')) as number;

const contenders: readonly Contender[] = [
  { name: 'kyoa, the global fetch', read: through(onGlobal) },
  { name: 'kyoa, undici()', read: through(onUndici) },
  { name: 'kyoa, Chromium, same origin', read: chromiumRead(same), page: same },
  { name: 'kyoa, Chromium, cross origin', read: chromiumRead(own), kind: 'exposed/', page: own },
  { name: 'kyoa, Chromium, cross origin, headers not exposed', read: chromiumRead(own, 32_000_000), kind: 'open/' },
  {
    name: 'undici RetryAgent',
    read: async (url) => digestOf((await request(url, { dispatcher: retrying })).body),
    isPeer: true,
  },
  {
    name: 'got',
    read: async (url) =>
      createHash('sha256')
        .update(await got(url).buffer())
        .digest('hex'),
    isPeer: true,
  },
  { name: 'ky', read: through((url) => ky(url)), isPeer: true },
  { name: 'fetch', read: through(globalThis.fetch), isPeer: true },
];

function said({ downloads, delivered, renewed, spliced, failures, wire }: Tally): string {
  const failed = Object.entries(failures).map(([what, count]) => `${count} ${what}`);
  const counts = [`${delivered} of ${downloads} delivered`, renewed && `${renewed} of the new version`, ...failed];
  return `${counts.filter(Boolean).join(', ')}; ${spliced} spliced; ${wire.toFixed(3)} of the bytes on the wire`;
}

for (const { name, read, kind = '', isPeer, page } of contenders) {
  if (!name.includes(values.only)) continue;
  const started = performance.now();
  const before = page && (await askedTwice(page));
  const rate = name.includes('Chromium') ? lineOfPage : undefined;
  const kept = await runDownloads(site, read, { ...size, kind, rate });
  const twice = page && (await askedTwice(page)) - before!;
  const replaced = await runDownloads(site, read, {
    ...size,
    downloads: size.downloads / 4,
    isReplaced: true,
    kind,
    rate,
  });
  console.log(`${name} (${((performance.now() - started) / 1_000).toFixed(0)} s)`);
  console.log(`  kept      ${said(kept)}`);
  if (page) {
    console.log(
      `            ${twice} bytes asked for twice; ${kept.excess.toFixed(0)} bytes for each cut lost by Chromium`,
    );
  }
  console.log(`  replaced  ${said(replaced)}`);
  if (isPeer) continue;
  const { BODY_CHANGED: changed = 0, ...others } = replaced.failures;
  const isRight = replaced.delivered + replaced.renewed + changed === replaced.downloads;
  const isCheap = kind === 'open/' || (kept.wire <= 1.02 && (twice ?? 0) === 0);
  if (kept.delivered < kept.downloads || replaced.spliced > 0 || !isRight || !isCheap || Object.keys(others).length > 0)
    process.exitCode = 1;
}
await transport.close();
await retrying.close();
console.log(process.exitCode === 1 ? 'FAILED' : 'ok');
