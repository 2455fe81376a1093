import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { KyoaError } from '../../../src/index.ts';
import { bytesOf } from '../../support/cutting.ts';
import { reasonOf } from '../../support/promises.ts';
import { atOnce, drain, scene, ways } from './ways.ts';

const kB = 1_000;
const file = bytesOf(300 * kB);

function expectSame(read: Uint8Array, expected: Uint8Array = file): void {
  const digest = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
  expect({ length: read.length, digest: digest(read) }).toEqual({
    length: expected.length,
    digest: digest(expected),
  });
}

describe.each(ways)('resume on $name', (way) => {
  test('requests the rest of a body that breaks off, and sends no byte twice', async () => {
    await using at = await scene(way, file);
    at.server.cuts.push(50 * kB, 100 * kB, 1);
    expectSame(await drain(await at.fetch(at.url)));
    expect(at.server.requests.map(({ range }) => range)).toEqual([
      undefined,
      'bytes=50000-',
      'bytes=150000-',
      'bytes=150001-',
    ]);
    expect(at.server.requests.slice(1).every((headers) => headers['if-range'] === '"one"')).toBe(true);
    expect(at.server.requests[1]!['accept-encoding']).toBe('identity');
    expect(at.server.sent).toBe(file.length);
    expect(at.decisions()).toEqual(['continued 50000', 'continued 150000', 'continued 150001']);
  });

  test.each(['text', 'json', 'bytes', 'arrayBuffer', 'blob'] as const)(
    'sends the request again where %s() has handed out nothing, and continues from then on',
    async (method) => {
      const text = JSON.stringify({ text: 'ä'.repeat(100 * kB) });
      await using at = await scene(way, new TextEncoder().encode(text));
      at.server.cuts.push(50 * kB, 100 * kB);
      const read: unknown = await (await at.fetch(at.url))[method]();
      const bytes = read instanceof Blob ? await read.text() : read;
      expect(
        typeof bytes === 'string'
          ? bytes
          : method === 'json'
            ? JSON.stringify(bytes)
            : Buffer.from(bytes as never).toString(),
      ).toBe(text);
      expect(at.decisions()).toEqual(['restarted 0', 'continued 100000']);
    },
  );

  test('continues with a date of change that is strong', async () => {
    const [modified, date] = ['Mon, 30 Nov 2026 10:00:00 GMT', 'Mon, 30 Nov 2026 10:01:00 GMT'];
    await using at = await scene(way, file, { headers: { 'last-modified': modified, date } });
    at.server.cuts.push(50 * kB);
    expectSame(await drain(await at.fetch(at.url)));
    expect(at.server.requests[1]).toMatchObject({ range: 'bytes=50000-', 'if-range': modified });
  });

  test.each<[string, Record<string, string>]>([
    ['a weak tag', { etag: 'W/"one"' }],
    [
      'a date within the minute',
      { 'last-modified': 'Mon, 30 Nov 2026 10:00:01 GMT', date: 'Mon, 30 Nov 2026 10:01:00 GMT' },
    ],
    ['a date of change alone', { 'last-modified': 'Mon, 30 Nov 2026 10:00:00 GMT', date: '' }],
    ['no validator', {}],
  ])('reads the whole again with %s, and compares', async (_what, headers) => {
    await using at = await scene(way, file, { headers });
    at.server.cuts.push(50 * kB, 120 * kB);
    expectSame(await drain(await at.fetch(at.url)));
    expect(at.server.requests.map(({ range }) => range)).toEqual([undefined, undefined, undefined]);
    expect(at.server.requests.some((request) => 'if-range' in request)).toBe(false);
    expect(at.decisions()).toEqual(['restarted 50000', 'restarted 120000']);
  });

  test('never joins the bytes of two versions', async () => {
    const other = bytesOf(file.length, 1);
    for (const headers of [{ etag: '"one"' }, {}]) {
      await using at = await scene(way, file, { headers });
      at.server.cuts.push(50 * kB);
      at.server.change = (reply, request) => {
        if (request === 1) return;
        const etag: Record<string, string> = 'etag' in headers ? { etag: '"two"' } : {};
        Object.assign(reply, { status: 200, body: other, headers: etag });
      };
      const error = await reasonOf(drain(await at.fetch(at.url)));
      expect(error).toBeInstanceOf(KyoaError);
      expect(error).toMatchObject({ code: 'BODY_CHANGED', cause: { message: 'terminated' } });
      expect((error as Error).message).toContain(
        `The body of GET ${at.url} has changed after 50000 bytes; request it again`,
      );
      expect((error as KyoaError).attempts).toBe(2);
      expect((error as KyoaError).request?.url).toBe(at.url);
      expect(at.decisions()).toEqual(['abandoned changed 50000']);
    }
  });

  test('never joins the bytes of two versions in a clone, which may have got another one', async () => {
    await using at = await scene(way, file);
    const changed = bytesOf(file.length, 1);
    at.server.change = (reply, request) => {
      if (request <= 2) return;
      const start = reply.request['if-range'] === '"two"' ? file.length - reply.body.length : 0;
      if (start === 0) Object.assign(reply, { status: 200, headers: { 'content-length': String(file.length) } });
      reply.headers['etag'] = '"two"';
      reply.body = changed.subarray(start);
    };
    at.server.cuts.push(50 * kB, 100 * kB);
    const response = await at.fetch(at.url);
    for (const read of await Promise.allSettled([response.clone().bytes(), response.bytes()])) {
      if (read.status === 'rejected') expect(read.reason).toMatchObject({ code: 'BODY_CHANGED' });
      else expectSame(read.value, changed);
    }
  });

  test.each([403, 404])('does not take the status %i for another version', async (status) => {
    await using at = await scene(way, file);
    at.server.change = (reply, request) => void (request > 1 && Object.assign(reply, { status }));
    at.server.cuts.push(50 * kB);
    expect(await reasonOf(drain(await at.fetch(at.url)))).toMatchObject({ name: 'TypeError' });
    expect(at.decisions()).toEqual(['abandoned refused 50000']);
  });

  test('reads another version whole where nothing was handed out', async () => {
    const other = bytesOf(file.length + 5, 1);
    await using at = await scene(way, file);
    at.server.cuts.push(50 * kB);
    at.server.change = (reply, request) => {
      if (request === 1) return;
      Object.assign(reply, { status: 200, body: other, headers: { etag: '"two"' } });
    };
    expectSame(await (await at.fetch(at.url)).bytes(), other);
  });

  test.each<[string, Partial<Record<'status' | 'body' | 'headers', unknown>>]>([
    ['another status', { status: 203 }],
    ['another content type', { status: 200, headers: { etag: '"one"', 'content-type': 'text/html' }, body: file }],
    ['a total that differs', { headers: { etag: '"one"', 'content-range': `bytes 50000-299999/300001` } }],
    ['a part with another tag', { headers: { etag: '"two"', 'content-range': `bytes 50000-299999/300000` } }],
    ['a 416 of a shorter body', { status: 416, headers: { 'content-range': 'bytes */40000' }, body: new Uint8Array() }],
  ])('takes a response with %s for another version', async (_what, reply) => {
    await using at = await scene(way, file);
    at.server.cuts.push(50 * kB);
    at.server.change = (given, request) => void (request > 1 && Object.assign(given, reply));
    expect(await reasonOf(drain(await at.fetch(at.url)))).toMatchObject({ code: 'BODY_CHANGED' });
    expect(at.decisions()).toEqual(['abandoned changed 50000']);
  });

  test('cuts a part that starts before the break', async () => {
    await using at = await scene(way, file);
    at.server.cuts.push(50 * kB);
    at.server.change = (reply) => {
      if (reply.status !== 206) return;
      reply.body = file.subarray(49_990);
      reply.headers['content-range'] = 'bytes 49990-299999/300000';
      reply.headers['content-length'] = '250010';
    };
    expectSame(await drain(await at.fetch(at.url)));
    expect(at.decisions()).toEqual(['continued 50000']);
  });

  test.each<[string, Record<string, string>]>([
    ['starts after the break', { 'content-range': 'bytes 50001-299999/300000', 'content-length': '249999' }],
    ['has a wrong length', { 'content-range': 'bytes 50000-299998/300000', 'content-length': '250000' }],
    ['does not say where it belongs', { 'content-type': 'multipart/byteranges; boundary=x', 'content-range': '' }],
    ['has an unknown unit', { 'content-range': 'pages 50000-299999/300000' }],
    ['is compressed', { 'content-encoding': 'x-own', 'content-range': 'bytes 50000-299999/300000' }],
  ])('asks for the whole where a part %s', async (_what, headers) => {
    await using at = await scene(way, file);
    at.server.cuts.push(50 * kB);
    at.server.change = (reply) => {
      if (reply.status !== 206) return;
      reply.body = reply.body.subarray(0, Number(headers['content-length'] ?? reply.body.length));
      Object.assign(reply.headers, headers);
    };
    expectSame(await drain(await at.fetch(at.url)));
    expect(at.server.requests.map(({ range }) => range)).toEqual([undefined, 'bytes=50000-', undefined]);
    expect(at.decisions()).toEqual(['restarted 50000']);
  });

  test('accepts a part of a body whose length is unknown', async () => {
    await using at = await scene(way, file);
    at.server.cuts.push(50 * kB);
    at.server.change = (reply) => {
      delete reply.headers['content-length'];
      if (reply.status === 206) reply.headers['content-range'] = 'bytes 50000-299999/*';
    };
    expectSame(await drain(await at.fetch(at.url)));
    expect(at.decisions()).toEqual(['continued 50000']);
  });

  test('asks for more where a part is shorter than the rest', async () => {
    await using at = await scene(way, file);
    at.server.cuts.push(50 * kB);
    at.server.change = (reply, request) => {
      if (request !== 2) return;
      reply.body = file.subarray(50 * kB, 60 * kB);
      Object.assign(reply.headers, { 'content-range': 'bytes 50000-59999/300000', 'content-length': '10000' });
    };
    expectSame(await drain(await at.fetch(at.url)));
    expect(at.decisions()).toEqual(['continued 50000', 'continued 60000']);
  });

  test('ends well where the connection breaks after the last byte', async () => {
    await using at = await scene(way, file);
    at.server.cuts.push(file.length);
    at.server.change = (reply) => void delete reply.headers['content-length'];
    expectSame(await drain(await at.fetch(at.url)));
    expect(at.decisions()).toEqual([`continued ${file.length}`]);
  });

  test('skips what it has in a whole response of the same version', async () => {
    await using at = await scene(way, file, { acceptsRanges: false });
    at.server.cuts.push(50 * kB, 20 * kB);
    expectSame(await drain(await at.fetch(at.url)));
    expect(at.server.requests.map(({ range }) => range)).toEqual([undefined, 'bytes=50000-', 'bytes=50000-']);
    expect(at.decisions()).toEqual(['continued 50000']);
  });

  test('reads a compressed body again and never asks for a part of it', async () => {
    await using at = await scene(way, gzipSync(file, { level: 0 }), { headers: { 'content-encoding': 'gzip' } });
    at.server.cuts.push(150 * kB, undefined, 150 * kB);
    expectSame(await (await at.fetch(at.url)).bytes());
    expectSame(await drain(await at.fetch(at.url)));
    expect(at.server.requests.every(({ range }) => range === undefined)).toBe(true);
    expect(at.decisions()).toEqual(['restarted 0', expect.stringMatching(/^restarted \d{5,}$/)]);
  });

  test.each<[string, Record<string, string>]>([
    ['unsupported', {}],
    ['encoded', { 'content-encoding': 'gzip' }],
  ])('gives up without a request where it cannot prove what it would get: %s', async (reason, headers) => {
    await using at = await scene(way, reason === 'encoded' ? gzipSync(file, { level: 0 }) : file, { headers });
    at.server.cuts.push(200 * kB);
    const response = await at.through(atOnce({ compare: 1 }))(at.url);
    expect(await reasonOf(drain(response))).toMatchObject({ name: 'TypeError', message: 'terminated' });
    expect(at.server.requests).toHaveLength(1);
    expect(at.decisions()).toEqual([expect.stringMatching(`abandoned ${reason}`)]);
  });

  test('leaves the caller’s own range alone', async () => {
    await using at = await scene(way, file);
    at.server.cuts.push(50 * kB, undefined, 20 * kB);
    const init = { headers: { range: 'bytes=0-' } };
    expectSame(await drain(await at.fetch(at.url, init)));
    expectSame(await (await at.fetch(at.url, init)).bytes());
    expect(at.server.requests.map(({ range }) => range)).toEqual(Array(4).fill('bytes=0-'));
    expect(at.decisions()).toEqual(['restarted 50000', 'restarted 0']);
  });
});
