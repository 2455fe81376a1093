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

describe('a synthetic response', () => {
  test('is a genuine Response with all members of its head, and so is its clone', () => {
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

  test('has a head that survives JSON', () => {
    const again = JSON.parse(JSON.stringify(responseHead(createResponse(head, null)))) as ResponseHead;
    expect(responseHead(createResponse(again, null))).toEqual(head);
  });

  test('may have no body', async () => {
    for (const status of [200, 204, 205, 304]) {
      const response = createResponse({ ...head, status }, null);
      expect([response.body, await response.text(), response.bodyUsed]).toEqual([null, '', false]);
    }
  });

  test('has no body if its status allows none, although a response of Chromium has an empty one', async () => {
    for (const status of [204, 205, 304]) {
      for (const body of [contentOf(''), byteStream(() => undefined)]) {
        const response = createResponse({ ...head, status }, body);
        expect([response.status, response.body, await response.text()]).toEqual([status, null, '']);
      }
    }
  });

  test('may have a stream as its body, which can be read once', async () => {
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

  test('decodes the text of its content once for all responses', async () => {
    const content = contentOf('{"a":1}');
    const responses = [1, 2, 3].map(() => createResponse(head, content));
    const [a, b, c] = responses.map((response) => response.json());
    expect([await a, await b, await c]).toEqual([{ a: 1 }, { a: 1 }, { a: 1 }]);
    expect(await a).not.toBe(await b);
    expect(content.text).toBe('{"a":1}');
  });

  test('returns copies, so that its content cannot be changed', async () => {
    const content = contentOf('hello');
    new Uint8Array(await createResponse(head, content).arrayBuffer()).fill(0);
    (await createResponse(head, content).bytes()).fill(0);
    const { value } = await createResponse(head, content).body!.getReader().read();
    value!.fill(0);
    expect(await createResponse(head, content).text()).toBe('hello');
  });

  test('returns exactly its bytes if they are a part of a larger buffer', async () => {
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
  ])('is used after %s, and rejects further reads and clones', async (_how, read) => {
    const response = createResponse(head, contentOf('{}'));
    await read(response);
    expect(response.bodyUsed).toBe(true);
    await expect(response.json()).rejects.toThrow(TypeError);
    await expect(response.arrayBuffer()).rejects.toThrow(TypeError);
    expect(() => response.clone()).toThrow(TypeError);
  });

  test('rejects a read while a reader has locked it', async () => {
    const response = createResponse(head, contentOf('{}'));
    const reader = response.body!.getReader();
    await expect(response.text()).rejects.toThrow(TypeError);
    expect(response.bodyUsed).toBe(false);
    reader.releaseLock();
    expect(await response.text()).toBe('{}');
  });

  test('lets its methods be replaced, as ky does with json', async () => {
    const response = createResponse(head, contentOf('1'));
    response.json = async () => `mine, of ${await response.text()}`;
    expect(await response.json()).toBe('mine, of 1');
  });

  test('has enumerable members, like the responses of the platform', () => {
    const members = Object.keys(Object.getPrototypeOf(createResponse(head, null)) as object);
    expect(members).toEqual(expect.arrayContaining(['text', 'json', 'clone', 'url']));
  });
});
