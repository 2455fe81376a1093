/** `upload()` against `@tus/server` and a server of the draft, on both transports, over HTTP/1.1 and HTTP/2. */
import { randomBytes } from 'node:crypto';

import kyoa, { createFetch, standard, type Fetch } from 'kyoa';
import { undici } from 'kyoa/undici';
import { upload, type UploadApi } from 'kyoa/upload';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { uploadServer, type UploadServer } from '../support/uploads/server.ts';

const mebibyte = 1024 * 1024;
const film = randomBytes(3 * mebibyte + 17);

const apis = {
  'the client': (fetch) => kyoa.create(fetch ? { fetch } : {}),
  createFetch: (fetch) => createFetch({ use: standard(), ...(fetch && { fetch }) }),
  'a plain fetch': (fetch) => fetch ?? globalThis.fetch,
} satisfies Record<string, (fetch: Fetch | undefined) => UploadApi>;

describe.each(['tus', 'draft'] as const)('%s', (protocol) => {
  let server: UploadServer;
  afterEach(() => server[Symbol.asyncDispose]());

  describe.each([
    ['the global fetch', false, false],
    ['undici()', true, false],
    ['undici() over HTTP/2', true, true],
  ] as const)('on %s', (_, isOwn, isSecure) => {
    beforeEach(async () => {
      server = await uploadServer({ protocol, isSecure });
    });

    test.each(Object.entries(apis))('through %s, a file arrives whole in parts', async (_, make) => {
      const own = isOwn ? undici(server.ca === undefined ? {} : { tls: { ca: server.ca } }) : undefined;
      const reports: number[] = [];
      const options = { chunk: mebibyte, onProgress: ({ percent }: { percent: number }) => reports.push(percent) };
      const { response, url } = await upload(make(own), server.url, new Blob([film]), options);
      expect(response.ok).toBe(true);
      expect(url.startsWith(server.url)).toBe(true);
      expect(film.equals(await server.bytesOf(url))).toBe(true);
      expect(reports).toEqual([0, mebibyte, 2 * mebibyte, 3 * mebibyte, film.length].map((n) => n / film.length));
      const ok = protocol === 'tus' ? 'PATCH 204' : 'PATCH 200';
      expect(server.log).toEqual(['OPTIONS 204', 'POST 201', 'PATCH 204', 'PATCH 204', 'PATCH 204', ok]);
      await own?.close();
    });

    test('parts that break off are continued, and the file arrives whole', async () => {
      const own = isOwn ? undici(server.ca === undefined ? {} : { tls: { ca: server.ca } }) : undefined;
      const broken = { method: 'PATCH', cutAfter: 300_000 };
      server.trouble(broken, broken, { method: 'PATCH', isLost: true }, { method: 'PATCH', status: 503 });
      const { url } = await upload(own ?? fetch, server.url, new Blob([film]), { chunk: mebibyte, backoff: () => 0 });
      expect(film.equals(await server.bytesOf(url))).toBe(true);
      const sent = server.seen.reduce((sum, { bytes }) => sum + bytes, 0);
      expect(sent - film.length).toBeLessThanOrEqual(4 * mebibyte);
      await own?.close();
    });
  });
});
