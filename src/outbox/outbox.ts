/** Keeps requests that do not reach the server, and sends them once when they can. Placed outermost, outside `auth` and `retry`. */
import { asPolicy } from '../core/options.ts';
import type { Context, Middleware, Next } from '../core/context.ts';
import { KyoaError } from '../core/errors.ts';
import { isRequestBound } from '../lib/platform.ts';
import { whenConnected } from '../stack.ts';
import { Box } from './box.ts';
import { outboxOptions, type OutboxOptions } from './options.ts';
import { Replay } from './replay.ts';
import type { Settled } from './settled.ts';

/**
 * A request that waits.
 *
 * @see https://github.com/kyoa/kyoa/blob/main/docs/outbox.md#what-waits
 */
export interface Waiting {
  /** The `requestId` of its call, and its idempotency key. */
  readonly id: string;
  readonly lane: string;
  /** Who has made it; `undefined` if it is anybody's. */
  readonly user: string | undefined;
  readonly method: string;
  readonly url: string;
  /** When the call was made, Unix ms. */
  readonly since: number;
  /** How often it was tried in vain. */
  readonly tries: number;
}

/**
 * `outbox()` as a middleware, with what a program asks it.
 *
 * @see https://github.com/kyoa/kyoa/blob/main/docs/outbox.md#what-waits
 */
export interface Outbox extends Middleware {
  /** The requests that wait, in order, also those of other tabs and processes that share the storage. */
  waiting(): Promise<readonly Waiting[]>;
  /** Tries all that wait now, without the rest of their pauses. Resolves to how many still wait. */
  flush(): Promise<number>;
  /** Takes a request off, or forgets its outcome. Resolves to whether there was one. One that is being sent may still arrive. */
  drop(id: string): Promise<boolean>;
  /**
   * The outcomes of the requests that were kept: the last 100 that were not dropped, then each new one, of whichever tab or
   * process has sent it. It ends with `close()`, or when the loop over it ends.
   */
  settled(): AsyncIterableIterator<Settled>;
  /** Ends its timers and listeners. What waits stays in the storage; calls that wait get their 202, and later ones are not kept. */
  close(): void;
}

/**
 * Writes a request down before it is sent, and sends it later if it does not reach the server: its call resolves with a 202
 * that has the header `Outbox-Id`. What waits is sent once with its idempotency key, in order within its lane, by one of the tabs,
 * service workers and processes that share the storage: when there is a network again, after a reload, and after a crash.
 *
 * It stores the method, the URL, the headers, the body and the options of a call. It refuses a body that is a stream or too long,
 * and a request with credentials: `auth` or a middleware inside it adds them when the request is sent. It keeps no request that
 * the server has refused, and none that its caller has aborted. It does nothing in a handler.
 *
 * Per call: `outbox: false`, or `outbox: { when, lane, keep, wait, maxBody }`.
 *
 * @throws {KyoaError} `INVALID_OPTION`. A call rejects before anything is sent with `OutboxError`, or with `StorageError` if it
 * cannot be written down.
 * @example
 * ```ts
 * import kyoa from 'kyoa';
 * import { indexeddb } from 'kyoa/indexeddb';
 * import { outbox } from 'kyoa/outbox';
 *
 * const box = outbox();
 * const api = kyoa.extend({ storage: indexeddb('shop'), use: (stack) => [box, ...stack] });
 *
 * const response = await api.post('https://api.example.com/orders', { json: { id: 42 }, requestId: 'order-42' });
 * console.log(response.status === 202 ? 'will be sent' : 'has arrived', await box.waiting());
 * ```
 * @see https://github.com/kyoa/kyoa/blob/main/docs/outbox.md
 */
export function outbox(options: OutboxOptions = {}): Outbox {
  const own = outboxOptions.parse(options);
  if (isRequestBound())
    throw new KyoaError(
      'INVALID_OPTION',
      'outbox needs a page or a process: on Workers use a Queue, or kyoa in the client',
    );
  const box = new Box(own);

  const policy = asPolicy(options, async function outbox(ctx: Context, next: Next): Promise<Response> {
    const { outbox: override } = ctx.options;
    if (override instanceof Replay) return override.send(ctx, next);
    const policy = ctx.side === 'server' ? undefined : outboxOptions.forCall(ctx, own);
    if (policy === undefined || box.isClosed || !policy.methods.includes(ctx.method)) return box.pass(next);
    return box.call(ctx, next, policy);
  });
  whenConnected(policy, (pipeline, storage) => box.connect(pipeline, storage));
  return Object.assign(policy, {
    async waiting() {
      const tickets = await box.waiting();
      return tickets.map(({ id, lane, user, method, url, since, tries = 0 }) => {
        return { id, lane, user, method, url, since, tries };
      });
    },
    flush: () => box.flush(),
    drop: (id: string) => box.drop(id),
    settled: () => box.settled(),
    close: () => box.close(),
  });
}
