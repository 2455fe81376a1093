import { Readable } from 'node:stream';
import { describe, expect, test, vi } from 'vitest';

import { fork, type Context } from '../../../src/core/context.ts';
import { requestOf } from '../../../src/core/engine/lazy-request.ts';
import { fingerprint } from '../../../src/middleware/idempotency/fingerprint.ts';
import { contextOf } from '../../support/context.ts';

const url = 'http://api.example/orders';
const initOf = (body: BodyInit | null, init: RequestInit = {}): RequestInit =>
  ({ method: 'POST', body, duplex: 'half', ...init }) as RequestInit;
/** A Request, whose body is known as a stream only. */
const post = (body: BodyInit | null, init?: RequestInit): Context =>
  contextOf({ request: new Request(url, initOf(body, init)) });
/** A URL and an init, as most callers write it. */
const written = (body: BodyInit | null, init?: RequestInit): Context =>
  contextOf({ request: requestOf(url, initOf(body, init)) });

const mebibyte = 1024 * 1024;

describe('fingerprint', () => {
  test('is the same for the same method, URL and body, and ignores the headers', async () => {
    const print = await fingerprint(post('order', { headers: { 'x-attempt': '1' } }));
    expect(print).toMatch(/^[\da-f]{64}$/);
    for (const make of [post, written])
      expect(await fingerprint(make('order', { headers: { 'x-attempt': '2' } }))).toBe(print);
  });

  test('differs for different methods, URLs and bodies', async () => {
    for (const make of [post, written]) {
      const contexts = [
        make('order'),
        make('order', { method: 'PATCH' }),
        fork(make('order'), { url: `${url}?x=1` }),
        fork(make('order'), { url: `${url}/` }),
        make('order '),
        make(''),
        make(null, { method: 'PUT' }),
        make(new Uint8Array([0xff])),
        make(new Uint8Array([0xfe])),
        make('\nhttp://api.example/orders'),
      ];
      expect(new Set(await Promise.all(contexts.map((ctx) => fingerprint(ctx)))).size).toBe(contexts.length);
    }
  });

  test('depends on the bytes of the body, not on its source', async () => {
    const bytes = new TextEncoder().encode('grüße');
    const kinds = [
      post('grüße'),
      written('grüße'),
      post(bytes),
      written(bytes),
      written(new Blob(['grü', 'ße'])),
      post(new Blob([bytes]).stream()),
      written(new Blob([bytes]).stream()),
      written(Readable.from([bytes]) as unknown as BodyInit),
    ];
    expect(new Set(await Promise.all(kinds.map((ctx) => fingerprint(ctx)))).size).toBe(1);
  });

  test('leaves the request unread', async () => {
    for (const make of [post, written]) {
      for (const body of ['text', new Uint8Array([1, 2, 3]), new Blob(['streamed']).stream()]) {
        const ctx = make(body);
        await fingerprint(ctx);
        expect(ctx.request.bodyUsed).toBe(false);
        expect((await ctx.request.arrayBuffer()).byteLength).toBeGreaterThan(0);
      }
    }
  });

  const form = (value: string): FormData => {
    const data = new FormData();
    data.set('name', value);
    data.set('file', new Blob([new Uint8Array([0x81, 0xff, 0])]), 'photo.jpg');
    return data;
  };

  test('is the same for the same form, although each request has another boundary', async () => {
    const [one, two, other] = [written(form('a')), post(form('a')), post(form('b'))];
    expect(one.header('content-type')).not.toBe(two.header('content-type'));
    expect(await fingerprint(one)).toBe(await fingerprint(two));
    expect(await fingerprint(one)).not.toBe(await fingerprint(other));
  });

  test('is the same for the same large form, although the first MiB may end in a boundary', async () => {
    // The first MiB ends at each place in and around a boundary.
    for (let offset = 0; offset < 120; offset += 7) {
      const [one, two] = [1, 2].map(() => {
        const data = new FormData();
        data.set('filling', 'x'.repeat(mebibyte - 250 + offset));
        data.set('name', 'value');
        return post(data);
      });
      expect(await fingerprint(one!)).toBe(await fingerprint(two!));
    }
  });

  // Without `cancelStream`, Node throws where no code can catch it, and vitest fails the run.
  test('of a form with a large file leaves no error behind that would end the process', async () => {
    const data = new FormData();
    data.set('file', new Blob([new Uint8Array(5 * mebibyte)]), 'video.mp4');
    expect(await fingerprint(written(data))).toEqual(expect.any(String));
  });

  test('depends on the first MiB of a body, and reads no more of a stream', async () => {
    const beginning = 'x'.repeat(mebibyte);
    const print = await fingerprint(post(beginning));
    expect(await fingerprint(post(`${beginning}end`))).toBe(print);
    expect(await fingerprint(written(`${beginning}another end`))).toBe(print);
    expect(await fingerprint(post(`y${beginning}`))).not.toBe(print);

    let pulled = 0;
    const endless = new ReadableStream<Uint8Array>(
      {
        pull(controller) {
          pulled += 1;
          controller.enqueue(new TextEncoder().encode('x'.repeat(mebibyte / 8)));
        },
      },
      { highWaterMark: 0 },
    );
    expect(await fingerprint(post(endless))).toBe(print);
    expect(pulled).toBeLessThan(12);
  });

  test('lets the caller cancel a long stream', async () => {
    const cancel = vi.fn();
    const pull = (controller: ReadableStreamDefaultController): void =>
      controller.enqueue(new Uint8Array(mebibyte / 8));
    const ctx = post(new ReadableStream({ pull, cancel }, { highWaterMark: 0 }));
    await fingerprint(ctx);
    expect(cancel).not.toHaveBeenCalled();
    await ctx.request.body!.cancel();
    expect(cancel).toHaveBeenCalledOnce();
  });

  test('rejects if the body breaks off', async () => {
    const broken = new ReadableStream({ start: (controller) => controller.error(new Error('gone')) });
    await expect(fingerprint(post(broken))).rejects.toThrow('gone');
  });
});
