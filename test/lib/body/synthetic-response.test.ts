import { describe, expect, test } from 'vitest';
import {
  responseHead,
  createResponse,
  responseFactory,
  type Content,
  type ResponseHead,
} from '../../../src/lib/body/synthetic-response.ts';
import { byteStream } from '../../../src/lib/body/streams.ts';

const head: ResponseHead = {
  url: 'http://api.example/final',
  redirected: true,
  type: 'cors',
  status: 203,
  statusText: 'Near enough',
  headers: [
    ['content-type', 'application/json'],
    ['set-cookie', 'a=1'],
    ['set-cookie', 'b=2'],
  ],
};
const contentOf = (text: string): Content => ({ bytes: new TextEncoder().encode(text) });

describe('a recorded Response', () => {
  test('is genuine, and says what its head says, as does its clone', () => {
    const response = createResponse(head, contentOf('{}'));
    for (const one of [response, response.clone(), response.clone().clone()]) {
      expect(one).toBeInstanceOf(Response);
      expect(one).toMatchObject({
        url: head.url,
        redirected: true,
        type: 'cors',
        status: 203,
        statusText: 'Near enough',
      });
      expect(one.headers.getSetCookie()).toEqual(['a=1', 'b=2']);
      expect(responseHead(one)).toEqual(head);
    }
  });

  test('survives JSON as its head', () => {
    const again = JSON.parse(JSON.stringify(responseHead(createResponse(head, null)))) as ResponseHead;
    expect(responseHead(createResponse(again, null))).toEqual(head);
  });

  test('may have no body', async () => {
    for (const status of [200, 204, 205, 304]) {
      const response = createResponse({ ...head, status }, null);
      expect([response.body, await response.text(), response.bodyUsed]).toEqual([null, '', false]);
    }
  });

  test('has none with a status that allows none, though Chromium’s own have an empty one', async () => {
    for (const status of [204, 205, 304]) {
      for (const body of [contentOf(''), byteStream(() => undefined)]) {
        const response = createResponse({ ...head, status }, body);
        expect([response.status, response.body, await response.text()]).toEqual([status, null, '']);
      }
    }
  });

  test('may have a stream for a body, which is read once', async () => {
    const chunks = [new Uint8Array([123]), new Uint8Array([125])];
    const response = createResponse(
      head,
      byteStream(() => chunks.shift()),
    );
    expect(await response.json()).toEqual({});
    await expect(response.text()).rejects.toThrow(TypeError);
  });

  test('has headers of its own', () => {
    const one = responseFactory(head);
    const [mine, other] = [one(contentOf('')), one(contentOf(''))];
    mine.headers.set('x-mine', '1');
    mine.headers.delete('set-cookie');
    expect([other.headers.has('x-mine'), other.headers.getSetCookie().length]).toEqual([false, 2]);
  });

  test('reads the bytes of its content, decoded once for all, without a stream', async () => {
    const content = contentOf('{"a":1}');
    const responses = [1, 2, 3].map(() => createResponse(head, content));
    const [a, b, c] = responses.map((response) => response.json());
    expect([await a, await b, await c]).toEqual([{ a: 1 }, { a: 1 }, { a: 1 }]);
    expect(await a).not.toBe(await b);
    expect(content.text).toBe('{"a":1}');
  });

  test('hands out copies: its content stays what it was', async () => {
    const content = contentOf('hello');
    new Uint8Array(await createResponse(head, content).arrayBuffer()).fill(0);
    (await createResponse(head, content).bytes()).fill(0);
    const { value } = await createResponse(head, content).body!.getReader().read();
    value!.fill(0);
    expect(await createResponse(head, content).text()).toBe('hello');
  });

  test('hands out exactly its bytes, be they a part of a larger buffer', async () => {
    const bytes = new TextEncoder().encode('before hello after').subarray(7, 12);
    expect((await createResponse(head, { bytes }).arrayBuffer()).byteLength).toBe(5);
    expect((await createResponse(head, { bytes }).bytes()).buffer.byteLength).toBe(5);
  });

  test.each([
    ['text', (response: Response) => response.text()],
    ['bytes', (response: Response) => response.bytes()],
    ['formData', (response: Response) => response.formData().catch(() => {})],
    ['a reader', (response: Response) => response.body!.getReader().read()],
    ['cancel', (response: Response) => response.body!.cancel()],
  ])('is used after %s, and refuses to be read again or cloned', async (_how, read) => {
    const response = createResponse(head, contentOf('{}'));
    await read(response);
    expect(response.bodyUsed).toBe(true);
    await expect(response.json()).rejects.toThrow(TypeError);
    await expect(response.arrayBuffer()).rejects.toThrow(TypeError);
    expect(() => response.clone()).toThrow(TypeError);
  });

  test('refuses to be read while somebody has a reader', async () => {
    const response = createResponse(head, contentOf('{}'));
    const reader = response.body!.getReader();
    await expect(response.text()).rejects.toThrow(TypeError);
    expect(response.bodyUsed).toBe(false);
    reader.releaseLock();
    expect(await response.text()).toBe('{}');
  });
});

test('a recorded Response lets its methods be replaced, as ky does with json', async () => {
  const head = {
    url: 'http://x/',
    redirected: false,
    type: 'basic',
    status: 200,
    statusText: '',
    headers: [],
  } as const;
  const response = createResponse(head, { bytes: new TextEncoder().encode('1') });
  response.json = async () => `mine, of ${await response.text()}`;
  expect(await response.json()).toBe('mine, of 1');
  expect(Object.keys(Object.getPrototypeOf(response) as object)).toEqual(
    expect.arrayContaining(['text', 'json', 'clone', 'url']),
  );
});
