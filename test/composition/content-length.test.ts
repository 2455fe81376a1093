import { describe, expect, test } from 'vitest';
import { undici } from '../../adapters/transport/undici/undici.ts';
import { createFetch, limit, staleIfError, standard, timeout, type Middleware } from '../../src/index.ts';
import { faultServer } from '../support/faults.ts';
import { responseOf, url } from '../support/http.ts';

import { reasonOf } from '../support/promises.ts';
import { streamed } from '../lib/body/watched.ts';

const type = 'multipart/form-data; boundary=b';
const form = '--b\r\nContent-Disposition: form-data; name="name"\r\n\r\nkyoa\r\n--b--\r\n';

/** Each way to read a body. */
const reads: Record<string, (response: Response) => Promise<unknown>> = {
  'text()': (response) => response.text(),
  'json()': (response) => response.json(),
  'arrayBuffer()': async (response) => [...new Uint8Array(await response.arrayBuffer())],
  'bytes()': async (response) => [...(await response.bytes())],
  'blob()': async (response) => {
    const blob = await response.blob();
    return [blob.type, await blob.text()];
  },
  'formData()': async (response) => [...(await response.formData())],
  getReader: (response) => streamed.getReader(response.body!),
  'a BYOB reader': (response) => streamed['a BYOB reader'](response.body!),
  'for await': (response) => streamed['for await'](response.body!),
  pipeTo: (response) => streamed.pipeTo(response.body!),
  'text() of a clone': (response) => response.clone().text(),
  'text() after a read of the body member': (response) => (response.body!.locked, response.text()),
};
const stacks: Record<string, readonly Middleware[]> = {
  'no policy': [],
  'a policy that watches the end': [limit({ concurrency: 1_000 })],
  'a policy that watches chunks': [timeout({ idle: 1_000 })],
  'standard() without resume': standard({ dedupe: false, resume: false }),
};
const cases = Object.keys(stacks).flatMap((stack) => Object.keys(reads).map((read) => [read, stack] as const));

/** A response of a given transport, which announces `length` bytes. */
function respond(body: BodyInit, headers: Record<string, string>, stack: readonly Middleware[] = []) {
  return createFetch({ use: stack, fetch: async () => new Response(body, { headers }) });
}

describe('the body of a given transport', () => {
  test.for(cases)('fails %s if it has fewer bytes than its Content-Length (%s)', async ([read, stack]) => {
    const headers = { 'content-type': type, 'content-length': String(form.length + 1) };
    const response = await respond(form, headers, stacks[stack])(url);
    expect(response.status).toBe(200);
    expect(await reasonOf(reads[read]!(response))).toMatchObject({
      name: 'TypeError',
      message: 'terminated',
      cause: { message: `The body ended after ${form.length} bytes, and its Content-Length is ${form.length + 1}` },
    });
  });

  test.for(cases)('is read %s as on the platform if it has the announced length (%s)', async ([read, stack]) => {
    for (const body of [form, '{"name":"käse"}', '\ufeff"a mark of the byte order"']) {
      const headers = { 'content-type': type, 'content-length': String(new TextEncoder().encode(body).length) };
      const native = await reads[read]!(new Response(body, { headers })).catch((error: unknown) => String(error));
      const response = await respond(body, headers, stacks[stack])(url);
      const value = await reads[read]!(response).catch((error: unknown) => String(error));
      expect(value).toEqual(native);
      expect(response.bodyUsed || read.includes('clone')).toBe(true);
    }
  });

  test.for([
    ['has more bytes', 'hello', { 'content-length': '4' }],
    ['is encoded', 'hello', { 'content-length': '60', 'content-encoding': 'gzip' }],
    ['announces no number', 'hello', { 'content-length': '6, 6' }],
  ] as const)('is not checked if it %s', async ([, body, headers]) => {
    expect(await (await respond(body, headers)(url)).text()).toBe(body);
  });

  test('is left to a transport of kyoa, also in a function around it', async () => {
    await using server = await faultServer();
    await using transport = undici();
    for (const fetch of [transport, (...call: Parameters<typeof transport>) => transport(...call)]) {
      const response = await createFetch({ fetch })(server.url('/ok'));
      expect(Object.getPrototypeOf(response)).toBe(Object.getPrototypeOf(await transport(server.url('/ok'))));
      expect(await response.json()).toBeDefined();
    }
  });

  test('is not checked after a HEAD', async () => {
    const response = await respond('', { 'content-length': '60' })(url, { method: 'HEAD' });
    expect(await response.text()).toBe('');
  });

  test('can be read once', async () => {
    const response = await respond('hello', { 'content-length': '5' })(url);
    expect(await response.text()).toBe('hello');
    expect(await reasonOf(response.text())).toBeInstanceOf(TypeError);
  });

  test('is not stored if it is short', async () => {
    const replies = [new Response('half', { headers: { 'content-length': '8' } }), responseOf(500)];
    const fetch = createFetch({ use: [staleIfError()], fetch: async () => replies.shift()! });
    expect(await reasonOf((await fetch(url)).text())).toMatchObject({ message: 'terminated' });
    expect((await fetch(url)).status).toBe(500);
  });
});
