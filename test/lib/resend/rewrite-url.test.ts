import { describe, expect, test } from 'vitest';

import { fork, type Context } from '../../../src/core/context.ts';
import { requestOf } from '../../../src/core/engine/lazy-request.ts';
import { baseOf, portableBody, rebase } from '../../../src/lib/resend.ts';
import { contextOf } from '../../support/context.ts';

const elsewhere = 'http://b.example/x';

describe('baseOf', () => {
  test.each([
    ['http://a.example', 'http://a.example'],
    ['https://A.example:443/', 'https://a.example'],
    ['http://a.example:8080/v1//', 'http://a.example:8080/v1'],
    ['ws://a.example', undefined],
    ['http://u@a.example', undefined],
    ['http://a.example/#top', undefined],
    ['a.example', undefined],
  ])('normalises %s to %s', (url, base) => {
    expect(baseOf(url)).toBe(base);
  });
});

describe('rebase', () => {
  test.each([
    ['http://a.example/', 'http://b.example/'],
    ['http://a.example', 'http://b.example/'],
    ['https://a.example:1/x/y?to=http://c.example/#/z', 'http://b.example/x/y?to=http://c.example/#/z'],
  ])('turns %s into %s', (url, rebased) => {
    expect(rebase(url, 'http://b.example')).toBe(rebased);
  });
});

/** A Request with a body, which is known as a stream only. */
function given(body: BodyInit): Context {
  return contextOf({
    request: new Request('http://a.example/', { method: 'POST', body, duplex: 'half' } as RequestInit),
  });
}

/** The request that a policy sends elsewhere. */
async function moved(ctx: Context): Promise<Request> {
  return fork(ctx, { url: elsewhere, body: await portableBody(ctx) }).request;
}

describe('portableBody', () => {
  test.each<[string, BodyInit | null]>([
    ['no body', null],
    ['a string', 'text'],
    ['a form', new FormData()],
    ['a stream', new ReadableStream()],
  ])('is undefined for %s beside a URL, because it can be sent as it is', async (_, body) => {
    const init = { method: 'POST', body, duplex: 'half' } as RequestInit;
    expect(await portableBody(contextOf({ request: requestOf('http://a.example/', init) }))).toBeUndefined();
  });

  test('is undefined for a Request without a body', async () => {
    expect(await portableBody(contextOf({ request: new Request('http://a.example/') }))).toBeUndefined();
  });

  test('is a Blob for a short body of a Request, whose type is kept', async () => {
    expect(await ((await portableBody(given('text'))) as Blob).text()).toBe('text');
    const request = await moved(given('text'));
    expect([request.url, request.headers.get('content-type')]).toEqual([elsewhere, 'text/plain;charset=UTF-8']);
    expect(await request.text()).toBe('text');
  });

  test('keeps the boundary of a form in the header', async () => {
    const form = new FormData();
    form.append('a', 'b');
    const request = await moved(given(form));
    expect((await request.formData()).get('a')).toBe('b');
  });

  test('streams a long body on demand, and cancels it with its reader', async () => {
    let made = 0;
    let cancelled: unknown;
    const body = new ReadableStream({
      pull(controller) {
        made += 1;
        controller.enqueue(new Uint8Array(made % 5 === 0 ? 0 : 512 * 1024).fill(made));
      },
      cancel: (reason) => void (cancelled = reason),
    });
    const request = await moved(given(body));
    expect(made).toBeLessThan(6);
    const reader = request.body!.getReader();
    const seen: unknown[] = [];
    for (let n = 0; n < 8; n += 1) seen.push((await reader.read()).value?.[0]);
    expect(seen).toEqual([1, 2, 3, 4, 6, 7, 8, 9]);
    await reader.cancel('enough');
    expect(cancelled).toBe('enough');
  });

  test('is the whole of a long body whose chunks share a buffer', async () => {
    const buffer = new Uint8Array(2 * 1024 * 1024).fill(7);
    const parts = [0, 1, 2, 3].map((n) => buffer.subarray(n * 512 * 1024, (n + 1) * 512 * 1024));
    const body = new ReadableStream({
      start(controller) {
        for (const part of parts) controller.enqueue(part);
        controller.close();
      },
    });
    expect((await (await moved(given(body))).arrayBuffer()).byteLength).toBe(buffer.byteLength);
  });

  test('rejects if the body of a Request fails', async () => {
    const body = new ReadableStream({ pull: () => Promise.reject(new Error('unplugged')) });
    await expect(portableBody(given(body))).rejects.toThrow('unplugged');
  });
});
