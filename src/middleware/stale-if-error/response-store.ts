/** The last good response of a request, in a storage. A storage that fails does not affect the call. */
import { maxBufferedBody } from '../../core/engine/http-constants.ts';
import type { Context } from '../../core/context.ts';
import type { Storage } from '../../core/storage.ts';
import { isEventStream, watchBody } from '../../lib/body/watch.ts';
import { concat, type Bytes } from '../../lib/body/streams.ts';
import { ageOf, freshness, staleTtl, staleness } from './cache-policy.ts';
import { digest } from '../../lib/digest.ts';
import { responseHead, createResponse, type ResponseHead } from '../../lib/body/synthetic-response.ts';
import { restoreResponse, serializeResponse } from '../../lib/body/serialize.ts';
import { parseStored } from '../../lib/stored-json.ts';

export interface ResponseStore {
  /** Stores the response when its reader has read it to the end. A response that must not be stored deletes the former one. */
  save(response: Response, ttl: number): void;
  /** `undefined` if there is no response, or none that this request accepts. */
  load(): Promise<Response | undefined>;
}

/** Statuses of a temporary condition: the stored response stays valid. */
const temporary = new Set([408, 425, 429]);

interface Entry {
  /** When the response arrived, Unix ms. */
  readonly at: number;
  readonly response: string;
}

function isEntry(value: unknown): value is Entry {
  const { at, response } = (value ?? {}) as Partial<Record<string, unknown>>;
  return typeof at === 'number' && typeof response === 'string';
}

export function responseStore(ctx: Context, storage: Storage, name: string): ResponseStore {
  // A digest, because the name contains credentials. It is computed after the response has arrived.
  const key = async (): Promise<string> => `stale-if-error ${await digest(name)}`;

  const attempt = async <T>(run: (key: string) => Promise<T>): Promise<T | undefined> => {
    try {
      return await run(await key());
    } catch (error) {
      ctx.emit({ type: 'stale-if-error.unrecorded', error });
      return undefined;
    }
  };

  /** Collects the chunks that the caller reads. A body that the caller does not read to its end is not stored. */
  const collect = (response: Response, ttl: number): void => {
    const { headers } = response;
    const at = Date.now();
    const announced = headers.has('content-encoding') ? null : headers.get('content-length');
    if (Number(announced) > maxBufferedBody) return ctx.emit({ type: 'stale-if-error.unrecorded' });
    const head = responseHead(response);
    const chunks: Bytes[] = [];
    let length = 0;

    const store = async (key: string): Promise<void> => {
      const stored = await serialize(head, chunks);
      const left = ttl - (Date.now() - at);
      if (stored === undefined || left <= 0) return;
      await storage.set(key, JSON.stringify({ at, response: stored } satisfies Entry), { ttl: left });
    };
    watchBody(response, {
      chunk(bytes) {
        length += bytes.byteLength;
        if (length <= maxBufferedBody) chunks.push(new Uint8Array(bytes)); // the reader may change its chunk
        else chunks.length = 0;
      },
      end(complete) {
        if (!complete || (announced !== null && length !== Number(announced))) return;
        if (length > maxBufferedBody) ctx.emit({ type: 'stale-if-error.unrecorded' });
        else ctx.background(attempt(store));
      },
    });
  };

  const restore = (key: string, value: string): Response | undefined => {
    const { at, response: stored } = parseStored(key, value, isEntry);
    const response = restoreResponse(stored);
    const elapsed = Math.max(0, Math.floor((Date.now() - at) / 1_000));
    if (elapsed - freshness(response.headers) > staleness(ctx)) return undefined;
    response.headers.set('Age', String(ageOf(response.headers) + elapsed));
    response.headers.append('Warning', '111 kyoa "Revalidation Failed"');
    return response;
  };

  return {
    save(response, ttl) {
      const { status } = response;
      const storedFor = status === 200 && !isEventStream(response) ? staleTtl(response, ctx, ttl) : 0;
      const isFinal = status === 200 || (status >= 400 && status < 500 && !temporary.has(status));
      if (storedFor > 0) collect(response, storedFor);
      else if (isFinal) ctx.background(attempt((key) => storage.delete(key)));
    },
    load: () =>
      attempt(async (key) => {
        const entry = await storage.get(key);
        return entry && restore(key, entry.value);
      }),
  };
}

async function serialize(head: ResponseHead, chunks: readonly Bytes[]): Promise<string | undefined> {
  const headers = head.headers.filter(([name]) => name !== 'set-cookie'); // it belongs to a former session
  const response = createResponse({ ...head, headers }, { bytes: concat(chunks) });
  return (await serializeResponse(response, maxBufferedBody)).text;
}
