/** A server of documents: its address without credentials, and requests with a limit of time and of size. */
import { afterUnref } from '../../src/core/engine/timers.ts';
import { withoutUrlSecrets } from '../../src/core/errors.ts';
import { fn, invalid } from '../../src/core/options.ts';

/**
 * What a source sends its requests with, in place of the platform's `fetch`.
 *
 * @see https://github.com/kyoa/kyoa/blob/main/docs/policy-sources.md
 */
export type SourceFetch = (url: string, init: RequestInit) => Promise<Response>;

/** The longest text that is read. A document may be shorter than that by far: `policy()` judges it. */
export const longestText: number = 16 * 1024 * 1024;

/** The limit of a request that does not wait for a change, ms. */
export const requestLimit = 10_000;

export interface Received {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

export interface Server {
  /** The address without what may be secret in it. */
  readonly shown: string;
  /** From the address: `http://user:password@host`. */
  readonly credentials: Credentials | undefined;
  /** Sends a request to the address followed by `path`, and reads the response. */
  ask(path: string, init: RequestInit, limit: number, signal: AbortSignal): Promise<Received>;
  /** Sends a request within `limited`. The caller reads the body. */
  open(path: string, init: RequestInit): Promise<Response>;
}

export interface Credentials {
  readonly username: string;
  readonly password: string;
}

export function serverAt(option: string, address: string, fetch: SourceFetch = platformFetch): Server {
  const url = URL.canParse(address, globalThis.location?.href) && new URL(address, globalThis.location?.href);
  if (!url || !/^https?:$/.test(url.protocol)) throw invalid(option, address, 'an http or https URL');
  fn('fetch', fetch);
  const { username, password } = url;
  Object.assign(url, { username: '', password: '', hash: '' });
  const base = url.href.replace(/\/$/, '');
  const open = (path: string, init: RequestInit): Promise<Response> =>
    fetch(path === '' ? url.href : base + path, init);
  return {
    shown: withoutUrlSecrets(base),
    credentials:
      username === '' ? undefined : { username: decodeURIComponent(username), password: decodeURIComponent(password) },
    open,
    ask: (path, init, limit, signal) =>
      limited(limit, signal, async (signal) => {
        const response = await open(path, { ...init, signal });
        let text = '';
        for await (const part of textOf(response)) text += part;
        return { status: response.status, headers: response.headers, text };
      }),
  };
}

/** Looked up at each request, so that a substitute of a test is used. */
const platformFetch: SourceFetch = (url, init) => globalThis.fetch(url, init);

/** The server has sent nothing for as long as it may. */
export class Silence extends Error {}

/**
 * Runs `work` until it has been silent for `limit` ms, or is no longer wanted: then it rejects, whether or not `work` obeys its
 * signal. `heard` begins the limit anew. At the end the signal aborts, which closes what is still open.
 */
export async function limited<T>(
  limit: number,
  signal: AbortSignal,
  work: (signal: AbortSignal, heard: () => void) => Promise<T>,
): Promise<T> {
  const controller = new AbortController();
  const cancel = (): void => controller.abort(signal.reason);
  const start = (): ReturnType<typeof afterUnref> =>
    afterUnref(limit, () => controller.abort(new Silence(`the server sent nothing for ${limit} ms`)));
  let timer = start();
  const heard = (): void => {
    clearTimeout(timer);
    timer = start();
  };
  const ended = new Promise<never>((_, reject) => {
    controller.signal.addEventListener('abort', () => reject(controller.signal.reason as Error), { once: true });
  });
  signal.addEventListener('abort', cancel, { once: true });
  if (signal.aborted) cancel();
  try {
    return await Promise.race([work(controller.signal, heard), ended]);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', cancel);
    controller.abort();
  }
}

/** The parts of the text as they arrive. */
export async function* textOf(response: Response): AsyncGenerator<string, void> {
  const decode = decoder();
  let bytes = 0;
  for await (const chunk of chunksOf(response)) {
    bytes += chunk.byteLength;
    if (bytes > longestText) throw new Error(`the document has more than ${longestText} bytes`);
    yield decode(chunk);
  }
  yield decode();
}

/** React Native has no streams. */
async function* chunksOf(response: Response): AsyncGenerator<Uint8Array, void> {
  if (!response.body) {
    yield new Uint8Array(await response.arrayBuffer());
    return;
  }
  const reader = response.body.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    yield value;
  }
}

export function utf8(bytes: Uint8Array): string {
  const decode = decoder();
  return decode(bytes) + decode();
}

/** Decodes a part; without one, what is left. A byte order mark stays, for `policy()` to judge. */
function decoder(): (bytes?: Uint8Array) => string {
  const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  return (bytes) => {
    try {
      return bytes === undefined ? utf8.decode() : utf8.decode(bytes, { stream: true });
    } catch (cause) {
      throw new Error('the document is not UTF-8; save it as UTF-8', { cause });
    }
  };
}

/** `Authorization` for an address that has credentials: fetch refuses them in a URL. */
export function basicAuth({ username, password }: Credentials): Record<string, string> {
  return { authorization: `Basic ${toBase64(`${username}:${password}`)}` };
}

export function toBase64(text: string): string {
  return btoa(String.fromCodePoint(...new TextEncoder().encode(text)));
}

/** The response has none of the statuses that the source knows. The remedy is for those that mean a wrong key. */
export function refused({ status }: Pick<Received, 'status'>, said = ''): Error {
  const remedy = status === 401 || status === 403 ? '; check the credentials of the source' : '';
  return new Error(`HTTP ${status}${said === '' ? '' : `, ${said.slice(0, 200)}`}${remedy}`);
}
