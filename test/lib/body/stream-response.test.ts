/** Where the platform's Response takes no stream, as in React Native. */
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

import { serializeResponse } from '../../../src/lib/body/serialize.ts';
import { streamResponse } from '../../../src/lib/body/synthetic-response.ts';
import type { Bytes } from '../../../src/lib/body/streams.ts';
import { digest } from '../../../src/lib/digest.ts';

const Platform = Response;

/** Like that of whatwg-fetch: no `body`, and a stream becomes its text. */
class WithoutStreams {
  readonly status: number;
  readonly headers: Headers;
  readonly #content: Response;

  constructor(content: unknown, { status = 200, headers }: ResponseInit = {}) {
    this.status = status;
    this.headers = new Headers(headers);
    this.#content = new Platform(content instanceof ReadableStream ? '[object ReadableStream]' : (content as string));
  }
  text(): Promise<string> {
    return this.#content.text();
  }
  json(): Promise<unknown> {
    return this.text().then(JSON.parse);
  }
  arrayBuffer(): Promise<ArrayBuffer> {
    return this.#content.arrayBuffer();
  }
}

function streamOf(...chunks: string[]): ReadableStream<Bytes> {
  return new ReadableStream<Bytes>({
    start(controller) {
      for (const chunk of chunks) controller.enqueue(new TextEncoder().encode(chunk));
      controller.close();
    },
  });
}

beforeEach(() => vi.stubGlobal('Response', WithoutStreams));
afterEach(() => vi.unstubAllGlobals());

describe('a Response of a stream', () => {
  const created = (): Response =>
    streamResponse(streamOf('{"a":', '"ü"}'), { status: 201, headers: { 'x-kind': 'kept' } });

  test('is one of the platform, with status and headers', () => {
    const response = created();
    expect(response).toBeInstanceOf(Response);
    expect([response.status, response.headers.get('x-kind')]).toEqual([201, 'kept']);
  });

  test('is read in each way', async () => {
    const bytes = new TextEncoder().encode('{"a":"ü"}');
    expect(await created().text()).toBe('{"a":"ü"}');
    expect(await created().json()).toEqual({ a: 'ü' });
    expect(await created().bytes()).toEqual(bytes);
    expect(new Uint8Array(await created().arrayBuffer())).toEqual(bytes);
    expect((await created().blob()).size).toBe(bytes.length);
    expect((await created().body!.getReader().read()).value).toEqual(bytes.subarray(0, 5));
  });

  test('is read once', async () => {
    const response = created();
    await response.text();
    await expect(response.text()).rejects.toThrow(TypeError);
  });

  test('can be cloned', async () => {
    const response = created();
    const copy = response.clone();
    expect(copy.status).toBe(201);
    expect(await Promise.all([response.text(), copy.text()])).toEqual(['{"a":"ü"}', '{"a":"ü"}']);
  });

  test("without a stream is the platform's own", () => {
    expect(Object.getPrototypeOf(streamResponse(null, {}))).toBe(WithoutStreams.prototype);
  });
});

test('a response that shows no stream is stored with its body', async () => {
  const { response, text } = await serializeResponse(new Response('order 42'), 1_000);
  expect(text).toContain('"text":"order 42"');
  expect(await response.text()).toBe('order 42');
});

test('a digest needs no method of a Blob', async () => {
  vi.stubGlobal('Response', Platform);
  const whole = await digest('order 42');
  const own = Object.getOwnPropertyDescriptor(Blob.prototype, 'arrayBuffer')!;
  Reflect.deleteProperty(Blob.prototype, 'arrayBuffer');
  try {
    expect(await digest('order 42')).toBe(whole);
  } finally {
    Object.defineProperty(Blob.prototype, 'arrayBuffer', own);
  }
});
