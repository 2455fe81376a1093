/** The outcomes of the requests that were kept. */
import { after } from '../core/engine/timers.ts';
import { restoreResponse } from '../lib/body/serialize.ts';
import { OutboxError } from './outbox-error.ts';
import type { Queue } from './queue.ts';
import type { SettledTicket } from './records.ts';

/**
 * The outcome of a request that was kept: a response, which is also one that refuses the request, or the error for which it is
 * no longer tried.
 *
 * @see https://github.com/kyoa/kyoa/blob/main/docs/outbox.md#what-has-become-of-it
 */
export interface Settled {
  readonly id: string;
  readonly method: string;
  readonly url: string;
  /** When the call was made, Unix ms. */
  readonly since: number;
  /** Its body is absent if it was longer than 1 MiB or broke off. */
  readonly response?: Response;
  readonly error?: OutboxError;
}

/** How often the list is read for the outcomes of other tabs and processes, ms. */
const lookInterval = 1_000;

/** Passes on the news of this process, and of `close()`. */
export class News {
  #isClosed = false;
  readonly #listeners = new Set<() => void>();

  get isClosed(): boolean {
    return this.#isClosed;
  }

  tell(): void {
    for (const listener of this.#listeners) listener();
  }

  close(): void {
    this.#isClosed = true;
    this.tell();
  }

  /** Resolves with the next news, when the signal aborts, or after `ms`. */
  wait(ms: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        this.#listeners.delete(done);
        signal.removeEventListener('abort', done);
        resolve();
      };
      const timer = after(ms, done);
      this.#listeners.add(done);
      signal.addEventListener('abort', done);
    });
  }
}

export function settledOf(queue: () => Queue, news: News): AsyncIterableIterator<Settled> {
  const ending = new AbortController();
  const outcomes = outcomesOf(queue, news, ending.signal);
  return {
    next: () => outcomes.next(),
    // A generator would return after its next outcome only.
    return() {
      ending.abort();
      return outcomes.return(undefined);
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}

async function* outcomesOf(queue: () => Queue, news: News, signal: AbortSignal): AsyncGenerator<Settled, undefined> {
  for (let last = 0; !news.isClosed && !signal.aborted; await news.wait(lookInterval, signal)) {
    for (const ticket of await queue().settled(last)) {
      last = ticket.n;
      const outcome = await outcomeOf(queue(), ticket);
      if (outcome !== undefined) yield outcome;
    }
  }
  return undefined;
}

/** `undefined` if it was dropped in the meantime. */
async function outcomeOf(queue: Queue, { id, method, url, since }: SettledTicket): Promise<Settled | undefined> {
  const { result, error } = (await queue.entry(id)) ?? {};
  if (result !== undefined) return { id, method, url, since, response: restoreResponse(result) };
  return error === undefined
    ? undefined
    : { id, method, url, since, error: new OutboxError(error.code, error.message) };
}
