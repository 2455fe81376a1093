/** The flaky server's image within the page: a `fetch` that meets the same fates on timers instead of sockets. */
import type { Api, Visit } from './api.ts';
import { failure, PIECES } from './reply.ts';
import type { Reply } from './reply.ts';
import { silence, wait } from './wait.ts';

export type Fetch = (input: RequestInfo | URL, init?: RequestInit) => Promise<Response>;

/**
 * As the platform's: rejects with the reason of an abort, and with the TypeError of a broken connection; the Responses
 * are real ones, and so are their streams.
 */
export function simulatedFetch(api: Api): Fetch {
  return async function fetch(input, init) {
    const request = new Request(input, init);
    const signal = init?.signal ?? (input instanceof Request ? input.signal : request.signal);
    signal.throwIfAborted();

    const visit = api.receive({
      method: request.method,
      url: new URL(request.url),
      key: request.headers.get('idempotency-key') ?? undefined,
      body: () => request.json().catch(() => undefined),
    });
    if (visit === undefined) return respond({ status: 404, body: { error: 'There is /api/...' } });
    // Its own promise rejects only with its ledger, and then also where the fate is another.
    const reply = Promise.resolve(visit.reply);
    reply.catch(() => {});
    try {
      const response = await meet(visit, reply, signal);
      visit.lane.count(visit.fate.outcome);
      return response;
    } catch (error) {
      visit.lane.count(signal.aborted ? 'abandoned' : visit.fate.outcome);
      throw error;
    }
  };
}

async function meet({ fate, weather }: Visit, reply: Promise<Reply>, signal: AbortSignal): Promise<Response> {
  if ('delay' in fate) await wait(fate.delay, signal);

  switch (fate.outcome) {
    case 'answered':
      return respond(await reply, fate.drips ? { gap: weather.drip.gap, signal } : undefined);
    case 'failed':
      return respond(failure(fate.status, weather.errors.retryAfter));
    case 'reset':
    case 'refused':
      throw new TypeError('Failed to fetch'); // as Chromium words it
    default:
      return silence(signal);
  }
}

interface Drip {
  readonly gap: number;
  readonly signal: AbortSignal;
}

function respond({ status, body, headers }: Reply, drip?: Drip): Response {
  const bytes = new TextEncoder().encode(JSON.stringify(body));
  return new Response(drip ? trickle(bytes, drip) : bytes, {
    status,
    headers: { 'cache-control': 'no-store', 'content-type': 'application/json', ...headers },
  });
}

/** Ten pieces, one whenever its reader has taken the last, `gap` ms apart. */
function trickle(bytes: Uint8Array<ArrayBuffer>, { gap, signal }: Drip): ReadableStream<Uint8Array> {
  const size = Math.ceil(bytes.length / PIECES);
  const cancelled = new AbortController();
  const leave = (): void => cancelled.abort(signal.reason);
  signal.addEventListener('abort', leave);
  const end = (): void => signal.removeEventListener('abort', leave);
  let at = 0;

  return new ReadableStream({
    async pull(controller) {
      controller.enqueue(bytes.subarray(at, at + size));
      at += size;
      try {
        await wait(gap, cancelled.signal);
      } catch (error) {
        end();
        throw error;
      }
      if (at < bytes.length) return;
      end();
      controller.close();
    },
    cancel() {
      end();
      cancelled.abort();
    },
  });
}
