/** The shapes of the calls that are measured: what a caller passes, and how it reads the response. */

/** What a contender accepts besides a URL, in the terms of fetch. */
export interface Init {
  readonly method?: 'POST';
  readonly headers?: Record<string, string>;
  readonly body?: string;
  readonly signal?: AbortSignal;
}

/** A contender, called as its users call it. */
export interface Client {
  /** Resolves to the parsed body of the response. */
  readonly json: (input: string | Request, init?: Init) => Promise<unknown>;
  /** Reads the body of the response chunk by chunk, and resolves to its length. */
  readonly read?: (url: string) => Promise<number>;
}

export interface Shape {
  /** The path of json-server.ts. A number follows it. */
  readonly path: '/items' | '/stream';
  /** Sends one call, and resolves to whether the response was the expected one. */
  readonly send: (client: Client, url: string) => Promise<boolean>;
}

/** Bytes of the response to `/stream`. */
export const streamed = 65_536;

const { signal } = new AbortController();
const short = JSON.stringify({ name: 'A customer', amount: 4_200 });
const long = JSON.stringify({ text: 'x'.repeat(16_384 - '{"text":""}'.length) });
const isOk = (body: unknown): boolean => (body as { ok?: unknown }).ok === true;
const post = (body: string): Shape => ({
  path: '/items',
  send: (client, url) => {
    const headers = { 'content-type': 'application/json' };
    return client.json(url, { method: 'POST', headers, body }).then(isOk);
  },
});

export const shapes = {
  GET: {
    path: '/items',
    send: (client, url) => client.json(url).then(isOk),
  },
  'GET with two headers': {
    path: '/items',
    send: (client, url) => client.json(url, { headers: { accept: 'application/json', 'x-tenant': '42' } }).then(isOk),
  },
  'POST of JSON': post(short),
  'GET with a signal': {
    path: '/items',
    // One signal for all calls of a process: that of a page, a job or a server.
    send: (client, url) => client.json(url, { signal }).then(isOk),
  },
  'Request given': {
    path: '/items',
    send: (client, url) => client.json(new Request(url)).then(isOk),
  },
  'POST of 16 KB': post(long),
  'streamed response': {
    path: '/stream',
    send: (client, url) => client.read!(url).then((length) => length === streamed),
  },
} satisfies Record<string, Shape>;

export type ShapeName = keyof typeof shapes;

export const shapeNames = Object.keys(shapes) as ShapeName[];
