import { describe, expect, test } from 'vitest';

import { bodySource, setBodySource } from '../../../src/core/engine/body-source.ts';
import { baseOf, rebase, rewriteUrl } from '../../../src/lib/request/rewrite-url.ts';

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

describe('rewriteUrl', () => {
  test('keeps all members but the URL, and returns no promise for a request without a body', () => {
    const init = {
      method: 'OPTIONS',
      headers: { a: 'b' },
      integrity: 'sha256-x',
      keepalive: true,
      referrerPolicy: 'origin',
    } as const;
    const moved = rewriteUrl(new Request('http://a.example/', init), elsewhere) as Request;
    expect(moved).toMatchObject({
      url: elsewhere,
      method: 'OPTIONS',
      integrity: 'sha256-x',
      keepalive: true,
      referrerPolicy: 'origin',
    });
    expect(moved.headers.get('a')).toBe('b');
  });

  test('keeps the body source, and leaves the original unread', async () => {
    const request = new Request('http://a.example/', { method: 'POST', body: 'text' });
    setBodySource(request, 'text');
    const moved = rewriteUrl(request, elsewhere) as Request;
    expect(bodySource(moved)).toBe('text');
    expect(moved.headers.get('content-type')).toBe('text/plain;charset=UTF-8');
    expect(await moved.text()).toBe('text');
    expect(request.bodyUsed).toBe(false);
  });

  test('names the new boundary of a form in the header', async () => {
    const form = new FormData();
    form.append('a', 'b');
    const request = new Request('http://a.example/', { method: 'POST', body: form });
    setBodySource(request, form);
    const moved = rewriteUrl(request, elsewhere) as Request;
    const type = moved.headers.get('content-type')!;
    expect(await moved.text()).toContain(type.slice(type.indexOf('boundary=') + 9));
  });

  test('streams a long body of unknown source on demand, and cancels it with its reader', async () => {
    let made = 0;
    let cancelled: unknown;
    const body = new ReadableStream({
      pull(controller) {
        made += 1;
        controller.enqueue(new Uint8Array(made % 5 === 0 ? 0 : 512 * 1024).fill(made));
      },
      cancel: (reason) => void (cancelled = reason),
    });
    const request = new Request('http://a.example/', { method: 'POST', body, duplex: 'half' } as RequestInit);
    const moved = await rewriteUrl(request, elsewhere);
    expect(made).toBeLessThan(6);
    const reader = moved.body!.getReader();
    const seen: unknown[] = [];
    for (let n = 0; n < 8; n += 1) seen.push((await reader.read()).value?.[0]);
    expect(seen).toEqual([1, 2, 3, 4, 6, 7, 8, 9]);
    await reader.cancel('enough');
    expect(cancelled).toBe('enough');
  });

  test('sends the whole of a long body whose chunks share a buffer', async () => {
    const buffer = new Uint8Array(2 * 1024 * 1024).fill(7);
    const parts = [0, 1, 2, 3].map((n) => buffer.subarray(n * 512 * 1024, (n + 1) * 512 * 1024));
    const body = new ReadableStream({
      start(controller) {
        for (const part of parts) controller.enqueue(part);
        controller.close();
      },
    });
    const request = new Request('http://a.example/', { method: 'POST', body, duplex: 'half' } as RequestInit);
    const moved = await rewriteUrl(request, elsewhere);
    expect((await moved.arrayBuffer()).byteLength).toBe(buffer.byteLength);
  });

  test('reads a short body of unknown source first, and sends it with its source', async () => {
    const moved = await rewriteUrl(new Request('http://a.example/', { method: 'POST', body: 'text' }), elsewhere);
    expect(await (bodySource(moved) as Blob).text()).toBe('text');
    expect(moved.headers.get('content-type')).toBe('text/plain;charset=UTF-8');
    expect(await moved.text()).toBe('text');
  });

  test('takes the stream of the original for a body that can be read once', async () => {
    const body = new Blob(['text']).stream();
    const request = new Request('http://a.example/', { method: 'POST', body, duplex: 'half' } as RequestInit);
    setBodySource(request, body);
    void request.clone(); // locks the stream, and gives the request another one
    const moved = rewriteUrl(request, elsewhere) as Request;
    expect(bodySource(moved)).toBe(body);
    expect(await moved.text()).toBe('text');
  });

  test('rejects if a body of unknown source fails', async () => {
    const body = new ReadableStream({ pull: () => Promise.reject(new Error('unplugged')) });
    const request = new Request('http://a.example/', { method: 'POST', body, duplex: 'half' } as RequestInit);
    await expect(rewriteUrl(request, elsewhere)).rejects.toThrow('unplugged');
  });
});
