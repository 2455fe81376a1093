/** Simulates the flaky server in the page: a `fetch` with the same fates, on timers instead of sockets. */
import type { Api, Visit } from './api.ts';
import { failure, PIECES } from './reply.ts';
import type { Reply } from './reply.ts';
import { silence, wait } from './wait.ts';

export type Fetch = (input: RequestInfo | URL, init?: RequestInit) => Promise<Response>;

/**
 * Behaves like the platform's `fetch`: it rejects with the reason of an abort, and with a `TypeError` for a broken
 * connection. Responses and body streams are those of the platform.
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
    if (visit === undefined) return respond({ status: 404, body: { error: 'Only /api/... exists' } });
    // The reply rejects only if the ledger fails. A fate that does not use the reply must not leave that unhandled.
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

async function meet({ fate, settings }: Visit, reply: Promise<Reply>, signal: AbortSignal): Promise<Response> {
  if ('delay' in fate) await wait(fate.delay, signal);

  switch (fate.outcome) {
    case 'answered':
      return respond(await reply, fate.drips ? { gap: settings.drip.gap, signal } : undefined);
    case 'failed':
      return respond(failure(fate.status, settings.errors.retryAfter));
    case 'reset':
    case 'refused':
      throw new TypeError('Failed to fetch'); // Chromium's message
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

/** A body in ten pieces, `gap` ms apart. A piece is sent only after the reader has read the one before. */
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
