import { describe, expect, test } from 'vitest';
import { reasonOf } from '../../support/promises.ts';
import { calls, manualServer, readBody, type ManualServer } from './calls.ts';

describe('a shared Response', () => {
  const readers: Record<string, (response: Response) => Promise<unknown>> = {
    text: (response) => response.text(),
    json: (response) => response.json(),
    arrayBuffer: async (response) => new Uint8Array(await response.arrayBuffer()),
    bytes: (response) => response.bytes(),
    blob: async (response) => {
      const blob = await response.blob();
      return [blob.type, await blob.text()];
    },
    formData: async (response) => [...(await response.formData())],
    'a reader of the body': async ({ body }) => {
      const reader = body!.getReader();
      let text = '';
      for (let { value, done } = await reader.read(); !done; { value, done } = await reader.read()) {
        text += new TextDecoder().decode(value);
      }
      await reader.closed;
      return text;
    },
    'for await': async ({ body }) => (await readBody(body)).text,
    'a buffer of its own': async ({ body }) => {
      const reader = body!.getReader({ mode: 'byob' });
      const bytes: number[] = [];
      for (;;) {
        const { value, done } = await reader.read(new Uint8Array(7));
        bytes.push(...value!);
        if (done) return bytes;
      }
    },
    'a pipe': ({ body }) =>
      new Response(body!.pipeThrough(new TextDecoderStream()).pipeThrough(new TextEncoderStream())).text(),
    'new Response': (response) => new Response(response.body, response).json(),
  };
  const json = JSON.stringify({ grüße: ['aus', 'Köln', '🎈'], filler: 'x'.repeat(5_000) });
  const form = 'a=1&b=%C3%A4';

  const respondWith = (body: string, headers: Record<string, string | string[]>): Promise<ManualServer> =>
    manualServer(({ response }) => response.writeHead(200, 'Fine', headers as Record<string, string>).end(body));

  describe.each(Object.entries(readers))('is read by %s', (name, read) => {
    const [body, type] =
      name === 'formData' ? [form, 'application/x-www-form-urlencoded'] : [json, 'application/JSON; a=B'];

    test('by all callers at once, with the result of the platform’s own Response', async () => {
      await using server = await respondWith(body, { 'content-type': type });
      const expected = await read(await globalThis.fetch(server.url));
      const responses = await Promise.all(calls(4, server.url));
      expect(await Promise.all(responses.map(read))).toEqual([expected, expected, expected, expected]);
      expect(server.exchanges).toHaveLength(2);
    });

    test('through its clones as well', async () => {
      await using server = await respondWith(body, { 'content-type': type });
      const expected = await read(await globalThis.fetch(server.url));
      for (const response of await Promise.all(calls(3, server.url))) {
        const clone = response.clone();
        const again = clone.clone();
        expect(await Promise.all([read(again), read(response), read(clone)])).toEqual([expected, expected, expected]);
      }
    });

    test('and is then used and locked like the platform’s own', async () => {
      await using server = await respondWith(body, { 'content-type': type });
      const state = ({ bodyUsed, body }: Response): unknown[] => [bodyUsed, body!.locked];
      const life = async (response: Response): Promise<unknown[]> => {
        const unread = state(response);
        const reading = read(response);
        const during = state(response);
        await reading;
        const again = await Promise.all([reasonOf(response.text()), reasonOf(response.json())]);
        let clone: unknown;
        try {
          response.clone();
        } catch (error) {
          clone = String(error);
        }
        return [unread, during, state(response), again.map(String), clone];
      };
      const expected = await life(await globalThis.fetch(server.url));
      for (const response of await Promise.all(calls(3, server.url))) expect(await life(response)).toEqual(expected);
    });
  });

  test('has the url, status, headers and type of the transport’s own, as its clones have', async () => {
    await using server = await manualServer(({ request, response }) => {
      if (request.url === '/') response.writeHead(302, { location: '/final?x=1' }).end();
      else {
        response.writeHead(201, 'Made', [
          ['content-type', 'text/plain'],
          ['x-a', 'b'],
          ['set-cookie', 'c=1'],
          ['set-cookie', 'd=2; Path=/'],
        ]);
        response.end('hello');
      }
    });
    const facts = (response: Response): unknown => {
      const { url, redirected, type, status, statusText, ok, headers } = response;
      const list = [...headers].filter(([name]) => name !== 'date');
      return { url, redirected, type, status, statusText, ok, list, cookies: headers.getSetCookie() };
    };
    const native = await globalThis.fetch(server.url);
    expect(facts(native)).toMatchObject({ redirected: true, status: 201, cookies: ['c=1', 'd=2; Path=/'] });
    await native.text();
    for (const response of await Promise.all(calls(3, server.url))) {
      for (const one of [response, response.clone(), response.clone().clone()]) {
        expect(one).toBeInstanceOf(Response);
        expect(Object.prototype.toString.call(one)).toBe('[object Response]');
        expect(facts(one)).toEqual(facts(native));
        expect(await one.text()).toBe('hello');
      }
    }
  });

  test('rejects json() of a body that is not JSON', async () => {
    await using server = await respondWith('{"cut', { 'content-type': 'application/json' });
    for (const response of await Promise.all(calls(3, server.url))) {
      await expect(response.json()).rejects.toThrow(SyntaxError);
      expect(response.bodyUsed).toBe(true);
    }
  });

  test('drops a byte order mark in text, and keeps it in bytes', async () => {
    await using server = await respondWith('\u{feff}hi', {});
    const [a, b, c, d] = await Promise.all(calls(4, server.url));
    expect([await a!.text(), await b!.text()]).toEqual(['hi', 'hi']);
    expect([(await c!.bytes()).length, (await d!.arrayBuffer()).byteLength]).toEqual([5, 5]);
  });

  test('can be empty', async () => {
    await using server = await respondWith('', {});
    const [a, b, c, d] = await Promise.all(calls(4, server.url));
    expect([await a!.text(), await b!.text(), (await c!.arrayBuffer()).byteLength]).toEqual(['', '', 0]);
    expect(await readBody(d!.body)).toEqual({ text: '' });
  });

  test('is independent: a change to its bytes or headers does not reach the other callers', async () => {
    await using server = await respondWith('hello', {});
    const [leader, a, b, c, d] = await Promise.all(calls(5, server.url));
    (await leader!.body!.getReader().read()).value!.fill(0x21);
    new Uint8Array(await a!.arrayBuffer()).fill(0x21);
    (await b!.bytes()).fill(0x21);
    (await c!.body!.getReader().read()).value!.fill(0x21);
    d!.headers.set('x-mine', '1');
    expect(await d!.text()).toBe('hello');
    expect(a!.headers.has('x-mine')).toBe(false);
    expect(server.exchanges).toHaveLength(1);
  });

  test('is not created for a status above 599: each caller sends a request of its own', async () => {
    await using server = await manualServer(({ response }) => response.writeHead(999).end('odd'));
    const responses = await Promise.all(calls(3, server.url));
    for (const response of responses) {
      expect(response.status).toBe(999);
      expect(await response.text()).toBe('odd');
    }
    expect(server.exchanges).toHaveLength(3);
  });
});
