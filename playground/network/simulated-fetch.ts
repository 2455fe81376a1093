/** Simulates the flaky server in the page: a `fetch` with the same fates, on timers instead of sockets. */
import type { Api, Visit } from './api.ts';
import { bytesOf, failure, headersOf, pieceOf } from './reply.ts';
import type { Fate } from './fate.ts';
import type { Reply } from './reply.ts';
import type { Settings } from './settings.ts';
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
      header: (name) => request.headers.get(name) ?? undefined,
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
    case 'cut':
      return respond(await reply, sendingOf(fate, settings, signal));
    case 'failed':
      return respond(failure(fate.status, settings.errors.retryAfter));
    case 'reset':
    case 'refused':
      throw new TypeError('Failed to fetch'); // Chromium's message
    default:
      return silence(signal);
  }
}

/** How a body is sent, if not at once. */
interface Sending {
  /** The time between two pieces, ms. */
  readonly gap: number;
  /** The share of the body after which the connection breaks; 1 for none. */
  readonly until: number;
  readonly signal: AbortSignal;
}

function sendingOf(
  fate: Extract<Fate, { readonly drips: boolean }>,
  { drip }: Settings,
  signal: AbortSignal,
): Sending | undefined {
  if (fate.outcome === 'answered' && !fate.drips) return undefined;
  return { gap: fate.drips ? drip.gap : 0, until: fate.outcome === 'cut' ? fate.after : 1, signal };
}

function respond(reply: Reply, sending?: Sending): Response {
  const bytes = bytesOf(reply);
  return new Response(sending ? pieces(bytes, pieceOf(reply), sending) : bytes, {
    status: reply.status,
    headers: headersOf(reply),
  });
}

/** A body in pieces, `gap` ms apart. A piece is sent only after the reader has read the one before. */
function pieces(
  bytes: Uint8Array<ArrayBuffer>,
  size: number,
  { gap, until, signal }: Sending,
): ReadableStream<Uint8Array> {
  const cancelled = new AbortController();
  const leave = (): void => cancelled.abort(signal.reason);
  signal.addEventListener('abort', leave);
  const end = (): void => signal.removeEventListener('abort', leave);
  const last = Math.floor(bytes.length * until);
  let at = 0;

  return new ReadableStream({
    async pull(controller) {
      controller.enqueue(bytes.subarray(at, Math.min(at + size, last)));
      at += size;
      try {
        await wait(gap, cancelled.signal);
      } catch (error) {
        end();
        throw error;
      }
      if (at < last) return;
      end();
      if (last < bytes.length) controller.error(new TypeError('network error')); // Chromium's message
      else controller.close();
    },
    cancel() {
      end();
      cancelled.abort();
    },
  });
}
