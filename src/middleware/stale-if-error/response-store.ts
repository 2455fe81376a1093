/** Where the last good answer of a request is kept while nobody needs it. A storage that fails costs no call anything. */
import { maxBufferedBody } from '../../core/engine/http.ts';
import type { Context } from '../../core/context.ts';
import type { Storage } from '../../core/storage.ts';
import { isEventStream, watchBody } from '../../lib/body/watch.ts';
import { concat, type Bytes } from '../../lib/body/streams.ts';
import { ageOf, freshness, staleTtl, staleness } from './cache-policy.ts';
import { digest } from '../../lib/digest.ts';
import { responseHead, createResponse, type ResponseHead } from '../../lib/body/synthetic-response.ts';
import { restoreResponse, serializeResponse } from '../../lib/body/serialize-response.ts';

export interface ResponseStore {
  /** Once its reader has read it to the end; or takes away what was there, when this one replaces it and may not be kept. */
  save(response: Response, ttl: number): void;
  /** `undefined` if there is none, or none that this request takes. */
  load(): Promise<Response | undefined>;
}

/** They say that another time the answer may be another: the one before is as good as it was. */
const passing = new Set([408, 425, 429]);

interface Entry {
  /** When it came, Unix ms. */
  readonly at: number;
  readonly response: string;
}

export function responseStore(ctx: Context, storage: Storage, name: string): ResponseStore {
  // A digest, for there are credentials in the name. Made when it is needed, which is after the answer.
  const key = async (): Promise<string> => `stale-if-error ${await digest(name)}`;

  const attempt = async <T>(run: (key: string) => Promise<T>): Promise<T | undefined> => {
    try {
      return await run(await key());
    } catch (error) {
      ctx.emit({ type: 'stale-if-error.unrecorded', error });
      return undefined;
    }
  };

  /** Listens to the reader: nothing is read ahead, nothing is read twice, and what nobody reads is not kept. */
  const listen = (response: Response, life: number): void => {
    const { headers } = response;
    const at = Date.now();
    const announced = headers.has('content-encoding') ? null : headers.get('content-length');
    if (Number(announced) > maxBufferedBody) return ctx.emit({ type: 'stale-if-error.unrecorded' });
    const head = responseHead(response);
    const chunks: Bytes[] = [];
    let length = 0;

    const store = async (key: string): Promise<void> => {
      const stored = await serialize(head, chunks);
      const left = life - (Date.now() - at);
      if (stored === undefined || left <= 0) return;
      await storage.set(key, JSON.stringify({ at, response: stored } satisfies Entry), { ttl: left });
    };
    watchBody(response, {
      chunk(bytes) {
        length += bytes.byteLength;
        if (length <= maxBufferedBody) chunks.push(bytes.slice()); // its reader may do with it what it likes
        else chunks.length = 0;
      },
      end(complete) {
        if (!complete || (announced !== null && length !== Number(announced))) return;
        if (length > maxBufferedBody) ctx.emit({ type: 'stale-if-error.unrecorded' });
        else void attempt(store);
      },
    });
  };

  const restore = (value: string): Response | undefined => {
    const { at, response: stored } = JSON.parse(value) as Entry;
    const response = restoreResponse(stored);
    const passed = Math.max(0, Math.floor((Date.now() - at) / 1_000));
    if (passed - freshness(response.headers) > staleness(ctx.request)) return undefined;
    response.headers.set('Age', String(ageOf(response.headers) + passed));
    response.headers.append('Warning', '111 kyoa "Revalidation Failed"');
    return response;
  };

  return {
    save(response, ttl) {
      const { status } = response;
      const life = status === 200 && !isEventStream(response) ? staleTtl(response, ctx, ttl) : 0;
      const isFinal = status === 200 || (status >= 400 && status < 500 && !passing.has(status));
      if (life > 0) listen(response, life);
      else if (isFinal) void attempt((key) => storage.delete(key));
    },
    load: () =>
      attempt(async (key) => {
        const entry = await storage.get(key);
        return entry && restore(entry.value);
      }),
  };
}

async function serialize(head: ResponseHead, chunks: readonly Bytes[]): Promise<string | undefined> {
  const headers = head.headers.filter(([name]) => name !== 'set-cookie'); // it is of a session of then
  const response = createResponse({ ...head, headers }, { bytes: concat(chunks) });
  return (await serializeResponse(response, maxBufferedBody)).text;
}
