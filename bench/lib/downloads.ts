/** Downloads over connections that are cut, from nginx, each at three random places of its file. */
import { createHash, randomBytes } from 'node:crypto';
import { mkdirSync, renameSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startNginx, type Nginx } from '../../test/support/nginx.ts';
import { startCuttingProxy, type CuttingProxy, type Download } from './cutting-proxy.ts';

/** Resolves to the SHA-256 of the body of the URL, and rejects with an error whose `code` is reported. */
export type Read = (url: string) => Promise<string>;

export interface Site extends AsyncDisposable {
  readonly nginx: Nginx;
  readonly proxy: CuttingProxy;
}

export interface Tally {
  readonly downloads: number;
  /** The bytes of the file arrived, each once and in their order. */
  delivered: number;
  /** Of the files that were replaced: those of the new version that arrived whole. */
  renewed: number;
  /** Bytes that belong to no version. */
  spliced: number;
  /** By error. */
  readonly failures: Record<string, number>;
  /** The bytes on the wire, as a multiple of the files. */
  wire: number;
  /** The bytes on the wire beyond those of the files, for each cut. */
  excess: number;
}

/** A page on any origin may read the files below `/files/open/`, and the headers of those below `/files/exposed/`. */
export async function openSite(pages?: number): Promise<Site> {
  const allow = 'add_header access-control-allow-origin * always;';
  const nginx = await startNginx(`
    location /files/open/ { ${allow} }
    location /files/exposed/ { ${allow} add_header access-control-expose-headers "etag, content-range" always; }`);
  for (const kind of ['', 'open', 'exposed']) mkdirSync(join(nginx.folder, 'files', kind), { recursive: true });
  const proxy = await startCuttingProxy(nginx.port, pages);
  return {
    nginx,
    proxy,
    async [Symbol.asyncDispose]() {
      await proxy[Symbol.asyncDispose]();
      await nginx[Symbol.asyncDispose]();
    },
  };
}

export interface Plan {
  readonly downloads: number;
  /** Whether each file is replaced after its first cut. */
  readonly isReplaced?: boolean;
  /** Of each file. */
  readonly bytes: number;
  /** The folder below `/files/`, with a slash at its end. */
  readonly kind?: '' | 'open/' | 'exposed/';
  readonly atOnce?: number;
  /** The speed of the line of each download, bytes/s. @default as fast as the client reads */
  readonly rate?: number | undefined;
}

const cutsOfEach = 3;

export async function runDownloads(
  { nginx, proxy }: Site,
  read: Read,
  { downloads, isReplaced = false, bytes, kind = '', atOnce = 4, rate }: Plan,
): Promise<Tally> {
  const tally: Tally = { downloads, delivered: 0, renewed: 0, spliced: 0, failures: {}, wire: 0, excess: 0 };
  let next = 0;
  let passed = 0;

  const one = async (n: number): Promise<void> => {
    const name = `${kind}${isReplaced ? 'replaced' : 'kept'}-${n}.bin`;
    const path = join(nginx.folder, 'files', name);
    const [first, second] = [randomBytes(bytes), isReplaced ? randomBytes(bytes) : Buffer.alloc(0)];
    // The tag of nginx is the second of the change and the length, so the versions are an hour apart.
    writeFileSync(path, first);
    utimesSync(path, Date.now() / 1_000 - 7_200, Date.now() / 1_000 - 7_200);
    const replace = (): void => {
      writeFileSync(`${path}.new`, second);
      utimesSync(`${path}.new`, Date.now() / 1_000 - 3_600, Date.now() / 1_000 - 3_600);
      renameSync(`${path}.new`, path);
    };
    const cuts = Array.from({ length: cutsOfEach }, () => Math.floor(Math.random() * (bytes - 2)) + 1).sort(
      (a, b) => a - b,
    );
    const download: Download = { cuts, rate, ...(isReplaced && { onCut: once(replace) }), passed: 0, requests: 0 };
    proxy.downloads.set(String(n), download);
    try {
      const digest = await read(`${proxy.origin}/files/${name}?n=${n}`);
      if (digest === sha256(first)) tally.delivered += 1;
      else if (isReplaced && digest === sha256(second)) tally.renewed += 1;
      else tally.spliced += 1;
    } catch (error) {
      const { code, cause, message } = error as { code?: string; cause?: { code?: string }; message: string };
      const said = code ?? cause?.code ?? message;
      tally.failures[said] = (tally.failures[said] ?? 0) + 1;
    }
    passed += download.passed;
    proxy.downloads.delete(String(n));
    rmSync(path);
  };
  const worker = async (): Promise<void> => {
    while (next < downloads) await one(next++);
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
  tally.wire = passed / (downloads * bytes);
  tally.excess = (passed - downloads * bytes) / (downloads * cutsOfEach);
  return tally;
}

function once(run: () => void): () => void {
  let done = false;
  return () => {
    if (!done) run();
    done = true;
  };
}

export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
