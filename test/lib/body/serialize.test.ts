import { describe, expect, test } from 'vitest';

import { restoreResponse, serializeResponse } from '../../../src/lib/body/serialize.ts';
import type { Bytes } from '../../../src/lib/body/streams.ts';
import { settled } from '../../support/origin.ts';

const cap = 1_000;
const bytesOf = async (response: Response): Promise<Bytes> => new Uint8Array(await response.arrayBuffer());

async function stored(response: Response): Promise<string> {
  const { text } = await serializeResponse(response, cap);
  if (text === undefined) throw new Error('The response cannot be stored');
  return text;
}

/** A body of these chunks, and the reasons with which it was cancelled. */
function source(...chunks: (string | Error)[]): { body: ReadableStream<Bytes>; cancelled: unknown[] } {
  const cancelled: unknown[] = [];
  const left = chunks.values();
  const body = new ReadableStream<Bytes>(
    {
      pull(controller) {
        const { done, value } = left.next();
        if (done) controller.close();
        else if (typeof value === 'string') controller.enqueue(new TextEncoder().encode(value));
        else controller.error(value);
      },
      cancel: (reason) => void cancelled.push(reason),
    },
    { highWaterMark: 0 },
  );
  return { body, cancelled };
}

const everyByte = Uint8Array.from({ length: 256 }, (_, byte) => byte);

describe('a serialized response', () => {
  test.each<[string, Bytes]>([
    ['text', new TextEncoder().encode('{"id":42,"name":"grüße 😀 \\u2028\u2028"}')],
    ['nothing', new Uint8Array()],
    ['every byte', everyByte],
    ['a byte order mark', Uint8Array.of(0xef, 0xbb, 0xbf, 0x61)],
    ['two byte order marks', Uint8Array.of(0xef, 0xbb, 0xbf, 0xef, 0xbb, 0xbf)],
    ['UTF-16', Uint8Array.of(0xff, 0xfe, 0x61, 0)],
    ['half a character', Uint8Array.of(0x61, 0xe2, 0x82)],
    ['a surrogate in UTF-8', Uint8Array.of(0xed, 0xa0, 0x80)],
    ['zeros', new Uint8Array(300)],
    ['a body of the maximal length', new Uint8Array(cap).fill(0x80)],
  ])('keeps its bytes: %s', async (_, bytes) => {
    const { response, text } = await serializeResponse(new Response(bytes), cap);
    expect(await bytesOf(response)).toEqual(bytes);
    expect(await bytesOf(restoreResponse(text!))).toEqual(bytes);
  });

  test.each([204, 205, 304])('keeps a %i without a body', async (status) => {
    const again = restoreResponse(await stored(new Response(null, { status })));
    expect(again.status).toBe(status);
    expect(again.body).toBeNull();
  });

  test('keeps the difference between no body and an empty one', async () => {
    expect(restoreResponse(await stored(new Response(null))).body).toBeNull();
    expect(restoreResponse(await stored(new Response(''))).body).not.toBeNull();
  });

  test('keeps its status, its status text, and its headers with each cookie', async () => {
    const headers = new Headers({ 'content-type': 'application/json', 'x-umlaut': 'gr\u00fc\u00dfe' });
    headers.append('set-cookie', 'a=1; Expires=Thu, 01 Jan 2026 00:00:00 GMT');
    headers.append('set-cookie', 'b=2');
    headers.append('vary', 'accept');
    headers.append('vary', 'origin');
    const original = new Response('{}', { status: 201, statusText: 'Made', headers });
    const again = restoreResponse(await stored(original));
    expect(again.status).toBe(201);
    expect(again.statusText).toBe('Made');
    expect([...again.headers]).toEqual([...headers]);
    expect(again.headers.getSetCookie()).toEqual(['a=1; Expires=Thu, 01 Jan 2026 00:00:00 GMT', 'b=2']);
  });

  test('is restored as a genuine Response with the url, redirected and type of the original', async () => {
    const original = new Response('body');
    Object.defineProperties(original, {
      url: { value: 'http://api.example/final' },
      redirected: { value: true },
      type: { value: 'cors' },
    });
    const { response, text } = await serializeResponse(original, cap);
    for (const one of [response, restoreResponse(text!), restoreResponse(text!).clone()]) {
      expect(one).toBeInstanceOf(Response);
      expect(one).toMatchObject({ url: 'http://api.example/final', redirected: true, type: 'cors', ok: true });
      expect(await one.text()).toBe('body');
    }
  });

  test('is readable in the storage if its body is text', async () => {
    expect(await stored(new Response('an order'))).toContain('"text":"an order"');
    expect(await stored(new Response(everyByte))).toContain('"base64":"AAECAwQF');
  });
});

describe('serializeResponse', () => {
  test('passes on a body that turns out to be too long', async () => {
    const { body } = source('x'.repeat(cap), 'y', 'z'.repeat(cap));
    const kept = await serializeResponse(new Response(body, { status: 201 }), cap);
    expect(kept.text).toBeUndefined();
    expect(kept.response.status).toBe(201);
    expect(await kept.response.text()).toBe(`${'x'.repeat(cap)}y${'z'.repeat(cap)}`);
  });

  test('leaves a response unread whose content-length is too long', async () => {
    const response = new Response('x', { headers: { 'content-length': String(cap + 1) } });
    const kept = await serializeResponse(response, cap);
    expect(kept).toEqual({ response });
    expect(response.bodyUsed).toBe(false);
  });

  test('leaves an event stream unread', async () => {
    const { body } = source('data: 1\n\n', 'data: 2\n\n');
    const response = new Response(body, { headers: { 'content-type': 'text/event-stream; charset=utf-8' } });
    expect(await serializeResponse(response, cap)).toEqual({ response });
    expect(response.bodyUsed).toBe(false);
  });

  test('leaves a response unread that cannot be created again', async () => {
    const response = Response.error(); // its status is 0, like that of an opaque response
    expect(await serializeResponse(response, cap)).toEqual({ response });
  });

  test('passes on a body that breaks off: its chunks, and then its error', async () => {
    const failure = new TypeError('terminated');
    const { body } = source('half of ', 'it', failure);
    const kept = await serializeResponse(new Response(body), cap);
    expect(kept.text).toBeUndefined();
    const reader = kept.response.body!.getReader();
    const read = [await reader.read(), await reader.read()].map(({ value }) => new TextDecoder().decode(value));
    expect(read).toEqual(['half of ', 'it']);
    await expect(reader.read()).rejects.toBe(failure);
  });

  test('reads the rest of a long body on demand, and cancels it with its reader', async () => {
    const { body, cancelled } = source('x'.repeat(cap), 'y', 'z', 'never read');
    const { response } = await serializeResponse(new Response(body), cap);
    const reader = response.body!.getReader();
    await reader.read();
    await settled();
    expect(cancelled).toEqual([]);
    await reader.cancel('enough');
    expect(cancelled).toEqual(['enough']);
  });
});
