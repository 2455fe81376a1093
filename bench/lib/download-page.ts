/** Downloads by a page in Chromium. */
import type { Page } from 'playwright';
import type { Read } from './downloads.ts';

/**
 * The module of the page: `digest(url, compare)` resolves to the SHA-256 of the body, or to the code of the error. `askedTwice`
 * is the bytes that the page had already read when a further request asked for them.
 */
export const pageModule = `
import { createFetch } from '/src/fetch.ts';
import { standard } from '/src/standard.ts';

const hex = (buffer) => Array.from(new Uint8Array(buffer), (byte) => byte.toString(16).padStart(2, '0')).join('');
globalThis.askedTwice = 0;
globalThis.digest = async (url, compare) => {
  let read = 0;
  const transport = (input, init) => {
    const { headers } = new Request(input, init);
    const [, start = 0] = /^bytes=(\\d+)-/.exec(headers.get('range') ?? '') ?? [];
    globalThis.askedTwice += read - start;
    return globalThis.fetch(input, init);
  };
  const fetch = createFetch({ fetch: transport, use: standard({ timeout: { total: 600_000 }, retry: { budget: false }, resume: { compare } }) });
  try {
    const chunks = [];
    const reader = (await fetch(url, { cache: 'no-store' })).body.getReader();
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      chunks.push(part.value);
      read += part.value.byteLength;
    }
    return { digest: hex(await crypto.subtle.digest('SHA-256', await new Blob(chunks).arrayBuffer())) };
  } catch (error) {
    return { code: error.code ?? error.message };
  }
};`;

/** The packages that the module imports. */
export const pageImports = {
  'is-network-error': '/node_modules/is-network-error/index.js',
  'p-retry': '/node_modules/p-retry/index.js',
  'p-timeout': '/node_modules/p-timeout/index.js',
};

export function chromiumRead(page: Page, compare?: number): Read {
  return async (url) => {
    const call = `digest(${JSON.stringify(url)}, ${compare})`;
    const { digest, code } = (await page.evaluate(call)) as { digest?: string; code?: string };
    if (digest === undefined) throw Object.assign(new Error(code), { code });
    return digest;
  };
}
