import { endpoints } from 'kyoa';
import { describe, expect, test } from 'vitest';

import { stub, watched } from '../../support/call.ts';
import { eager, list } from './transports.ts';

const url = 'http://api.example/users?q=1#top';

describe('endpoints', () => {
  test.each([
    ['http://a.example', 'http://a.example/users?q=1#top'],
    ['http://a.example/', 'http://a.example/users?q=1#top'],
    ['https://A.example:8443/v2', 'https://a.example:8443/v2/users?q=1#top'],
    ['https://a.example/v2/', 'https://a.example/v2/users?q=1#top'],
  ])('sends the request to %s with its path, query and hash', async (base, sentTo) => {
    const { fetch, sent } = stub([endpoints([{ url: base }])], () => new Response());
    await fetch(url);
    expect(sent[0]!.url).toBe(sentTo);
  });

  test('keeps the method, credentials, modes and all headers of the request, Authorization included', async () => {
    const { fetch, sent } = stub([endpoints(list)], () => new Response());
    const init = { mode: 'cors', credentials: 'include', cache: 'no-cache', redirect: 'manual' } as const;
    await fetch(url, { ...init, method: 'DELETE', headers: { authorization: 'Bearer t', 'x-a': '1' } });
    expect(sent[0]).toMatchObject({ ...init, method: 'DELETE' });
    expect(Object.fromEntries(sent[0]!.headers)).toEqual({ authorization: 'Bearer t', 'x-a': '1' });
  });

  test('keeps the body of the request, of any type, for a retry too', async () => {
    const form = new FormData();
    form.append('name', 'value');
    const bodies = ['text', new TextEncoder().encode('bytes'), new Blob(['blob']), new URLSearchParams('p=1'), form];
    const texts: string[] = [];
    for (const body of bodies) {
      const { fetch } = watched([eager, endpoints(list)], async (input, init) => {
        const request = new Request(input, init);
        texts.push(body === form ? ((await request.formData()).get('name') as string) : await request.text());
        return new Response(null, { status: texts.length % 2 === 1 ? 503 : 200 });
      });
      await fetch(url, { method: 'PUT', body });
    }
    const each = ['text', 'bytes', 'blob', 'p=1', 'value'];
    expect(texts).toEqual(each.flatMap((text) => [text, text]));
  });

  test('keeps the body of a Request that the caller made, short or long, and of a stream', async () => {
    const lengths: number[] = [];
    const { fetch } = watched([endpoints(list)], async (input, init) => {
      lengths.push((await new Request(input, init).arrayBuffer()).byteLength);
      return new Response();
    });
    for (const length of [0, 10, 3_000_000])
      await fetch(new Request(url, { method: 'POST', body: new Uint8Array(length) }));
    const stream = new Blob(['a stream']).stream();
    await fetch(url, { method: 'POST', body: stream, duplex: 'half' } as RequestInit);
    expect(lengths).toEqual([0, 10, 3_000_000, 8]);
  });

  test('leaves the URL of a request unchanged with endpoints: false, and if the scheme is not http', async () => {
    const { fetch, sent } = stub([endpoints(list)], () => new Response());
    await fetch(url, { endpoints: false });
    await fetch('data:,x');
    expect(sent.map((request) => request.url)).toEqual([url, 'data:,x']);
  });
});
