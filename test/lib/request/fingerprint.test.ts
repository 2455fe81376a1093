import { afterEach, describe, expect, test, vi } from 'vitest';

import { digest } from '../../../src/lib/digest.ts';
import { fingerprint } from '../../../src/lib/request/fingerprint.ts';
import { setBodySource } from '../../../src/core/engine/body-source.ts';

afterEach(() => {
  vi.unstubAllGlobals();
});

const url = 'http://api.example/orders';
const post = (body: BodyInit | null, init: RequestInit = {}): Request =>
  new Request(url, { method: 'POST', body, duplex: 'half', ...init } as RequestInit);

/** As createFetch makes it: what the body was made of is known. */
const noted = (body: BodyInit): Request => {
  const request = post(body);
  setBodySource(request, body);
  return request;
};

const mebibyte = 1024 * 1024;

describe('fingerprint', () => {
  test('is the same for the same method, URL and body, whatever the headers', async () => {
    const print = await fingerprint(post('order', { headers: { 'x-attempt': '1' } }));
    expect(print).toMatch(/^[\da-f]{64}$/);
    expect(await fingerprint(post('order', { headers: { 'x-attempt': '2' } }))).toBe(print);
  });

  test('tells methods, URLs and bodies apart', async () => {
    const requests = [
      post('order'),
      post('order', { method: 'PATCH' }),
      new Request(`${url}?x=1`, { method: 'POST', body: 'order' }),
      new Request(`${url}/`, { method: 'POST', body: 'order' }),
      post('order '),
      post(''),
      post(null, { method: 'PUT' }),
      post(new Uint8Array([0xff])),
      post(new Uint8Array([0xfe])),
      post('\nhttp://api.example/orders'),
    ];
    expect(new Set(await Promise.all(requests.map((request) => fingerprint(request)))).size).toBe(requests.length);
  });

  test('goes by the bytes: what the body was made of makes no difference', async () => {
    const bytes = new TextEncoder().encode('grüße');
    const kinds = [
      post('grüße'),
      noted('grüße'),
      post(bytes),
      noted(bytes),
      noted(new Blob(['grü', 'ße'])),
      post(new Blob([bytes]).stream()),
    ];
    expect(new Set(await Promise.all(kinds.map((request) => fingerprint(request)))).size).toBe(1);
  });

  test('leaves the request unread', async () => {
    for (const body of ['text', new Uint8Array([1, 2, 3]), new Blob(['streamed']).stream()]) {
      const request = post(body);
      await fingerprint(request);
      expect(request.bodyUsed).toBe(false);
      expect((await request.arrayBuffer()).byteLength).toBeGreaterThan(0);
    }
  });

  const form = (value: string): FormData => {
    const data = new FormData();
    data.set('name', value);
    data.set('file', new Blob([new Uint8Array([0x81, 0xff, 0])]), 'photo.jpg');
    return data;
  };

  test('is the same for the same form, whose boundary is drawn anew each time', async () => {
    const [one, two, other] = [noted(form('a')), post(form('a')), post(form('b'))];
    expect(one.headers.get('content-type')).not.toBe(two.headers.get('content-type'));
    expect(await fingerprint(one)).toBe(await fingerprint(two));
    expect(await fingerprint(one)).not.toBe(await fingerprint(other));
  });

  test('is the same for a large form wherever its beginning is cut off', async () => {
    // The cut falls at each place in and around a boundary.
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

  test('of a large body goes by its beginning, and takes no more of a stream than that', async () => {
    const beginning = 'x'.repeat(mebibyte);
    const print = await fingerprint(post(beginning));
    expect(await fingerprint(post(`${beginning}end`))).toBe(print);
    expect(await fingerprint(noted(`${beginning}another end`))).toBe(print);
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

  test('rejects when the body breaks off: half a body is another one', async () => {
    const broken = new ReadableStream({ start: (controller) => controller.error(new Error('gone')) });
    await expect(fingerprint(post(broken))).rejects.toThrow('gone');
  });

  test('works on a page on plain http, where there is no crypto.subtle', async () => {
    vi.stubGlobal('crypto', {});
    const bodies = ['', 'a', 'b', 'ab', 'ba', 'order 42', 'order 43', 'x'.repeat(100_000), 'x'.repeat(100_001)];
    const prints = await Promise.all(bodies.map((body) => fingerprint(post(body))));
    for (const print of prints) expect(print).toMatch(/^[\da-f]{64}$/);
    expect(new Set(prints).size).toBe(bodies.length);
    expect(await fingerprint(post('order 42'))).toBe(prints[5]);
  });
});

test('digest is SHA-256', async () => {
  expect(await digest('')).toBe('e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855');
  expect(await digest(new Blob(['abc']))).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
});
