/** How the users of each package write a call. */
import type { Client, Init } from './shapes.ts';

/** A fetch, or a client that is called like it. */
export function asFetch(fetch: (input: string | Request, init?: Init) => Promise<Response>): Client {
  return {
    json: async (input, init) => (await fetch(input, init)).json(),
    read: async (url) => lengthOf((await fetch(url)).body!),
  };
}

/** ky, and kyoa's client. */
export function asKy(ky: Ky): Client {
  const send: Ky['get'] = (input, init) => {
    if (typeof input !== 'string') return ky(input, init);
    return init?.method === 'POST' ? ky.post(input, init) : ky.get(input, init);
  };
  return {
    json: (input, init) => send(input, init).json(),
    read: async (url) => lengthOf((await ky.get(url)).body!),
  };
}

export function asOfetch(ofetch: Ofetch): Client {
  return {
    json: (input, init) => ofetch(input, init),
    read: async (url) => lengthOf((await ofetch(url, { responseType: 'stream' })) as ReadableStream<Uint8Array>),
  };
}

/** It accepts no Request. */
export function asAxios(axios: Axios): Client {
  return {
    json: async (url, { body: data, ...init } = {}) => (await axios.request({ url, ...init, data })).data,
    read: async (url) =>
      sumOf((await axios.request({ url, responseType: 'stream' })).data as AsyncIterable<Uint8Array>),
  };
}

/** It accepts no Request. */
export function asGot(got: Got): Client {
  return {
    json: (url, init) => got(url as string, init).json(),
    read: (url) => sumOf(got.stream(url)),
  };
}

/** It accepts no Request. */
export function asUndiciRequest(request: UndiciRequest, dispatcher?: object): Client {
  return {
    json: async (url, init) =>
      (await request(url as string, { ...init, ...(dispatcher && { dispatcher }) })).body.json(),
    read: async (url) => sumOf((await request(url, dispatcher && { dispatcher })).body),
  };
}

export async function lengthOf(body: ReadableStream<Uint8Array>): Promise<number> {
  const reader = body.getReader();
  for (let length = 0; ;) {
    const { done, value } = await reader.read();
    if (done) return length;
    length += value.length;
  }
}

/** For streams of Node, which have no `getReader()`. */
async function sumOf(body: AsyncIterable<Uint8Array>): Promise<number> {
  let length = 0;
  for await (const chunk of body) length += chunk.length;
  return length;
}

interface Ky {
  (input: string | Request, init?: Init): KyResponse;
  get(input: string | Request, init?: Init): KyResponse;
  post(input: string | Request, init?: Init): KyResponse;
}

type KyResponse = Promise<Response> & { json(): Promise<unknown> };

export type Ofetch = (input: string | Request, init?: Init & { readonly responseType?: 'stream' }) => Promise<unknown>;

export interface Axios {
  request(options: object): Promise<{ readonly data: unknown }>;
}

export interface Got {
  (url: string, init?: Init): { json(): Promise<unknown> };
  stream(url: string): AsyncIterable<Uint8Array>;
}

export type UndiciRequest = (
  url: string,
  options?: object,
) => Promise<{ readonly body: AsyncIterable<Uint8Array> & { json(): Promise<unknown> } }>;
