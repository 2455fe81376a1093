/**
 * The token of one user in one storage. All callers, tabs and processes that share the storage share the token, and one of
 * them renews it: under a lease, whose result is the new token. A holder that was frozen or has died loses the lease, and
 * what it writes later is refused.
 */
import pTimeout from 'p-timeout';

import type { Context } from '../../core/context.ts';
import { StorageError } from '../../core/errors.ts';
import { after } from '../../core/engine/timers.ts';
import type { Storage } from '../../core/storage.ts';
import { acquireLease, watchLease, type LeaseOptions, type LeaseOutcome } from '../../lib/lease/lease.ts';
import { formerResult, parseRecord } from '../../lib/lease/lease-record.ts';
import { noteRenewalError } from '../../lib/identity.ts';
import { noop } from '../../lib/noop.ts';
import { isRequestBound } from '../../lib/platform.ts';
import { abandoned, RenewalCall, type Renew } from './renewal.ts';
import { firstToken, nextToken, parseToken, type StoredToken } from './token-record.ts';

export interface SessionSettings<T> {
  readonly renew: Renew<T>;
  readonly early: number;
  readonly lease: number;
  readonly ttl: number;
}

/** A token as the caller of a session has it: `null` after a sign-out. */
export type Current<T> = Pick<StoredToken<T>, 'generation' | 'session' | 'token'>;

/** The token is read again from the storage after this time, ms: so late is a sign-out in another tab noticed. */
const readInterval = 1_000;

/** A caller that waits for the renewal of another process reads the storage at intervals that double between these, ms. */
const shortestPoll = 25;
const longestPoll = 1_000;

export class Session<T extends object> {
  readonly #storage: Storage;
  readonly #key: string;
  readonly #user: string | undefined;
  readonly #settings: SessionSettings<T>;
  #known: StoredToken<T> | undefined;
  #readAt = -Infinity;
  #renewal: Promise<StoredToken<T>> | undefined;
  /** The call of `renew` that runs here. */
  #call: RenewalCall<T> | undefined;
  /** No early renewal before this time, ms on the clock of `performance.now()`: the last one has failed. */
  #earlyAfter = -Infinity;

  /** Whether it can be forgotten: the token is in the storage. */
  get isIdle(): boolean {
    return this.#renewal === undefined;
  }

  constructor(storage: Storage, user: string, settings: SessionSettings<T>) {
    this.#user = user === '' ? undefined : user;
    this.#storage = storage;
    this.#key = `auth ${JSON.stringify([user])}`;
    this.#settings = settings;
  }

  /** Whether `renew` makes this call, which would wait for itself. */
  isFromRenew(ctx: Context): boolean {
    return this.#call?.makes(ctx) === true;
  }

  /** The present token. One that expires soon is renewed while it is still used; without one that is good, the call waits. */
  async current(ctx: Context): Promise<Current<T>> {
    const known = await this.#read();
    if (known === undefined) return this.successor(undefined, ctx);
    if (known.token === null) return known;
    const { expires = Infinity } = known.token as { readonly expires?: number };
    const now = Date.now();
    if (expires <= now) return this.successor(known, ctx);
    const early = Math.min(this.#settings.early, (expires - known.since) / 2);
    if (expires - early <= now && performance.now() >= this.#earlyAfter) ctx.background(this.#renewEarly(known, ctx));
    return known;
  }

  /** Names the present sign-in, or the sign-out after it. `undefined` before there is a token. */
  async name(): Promise<string | undefined> {
    return (await this.#read())?.session;
  }

  /** The token that is stored, if it is newer than the one of this generation. */
  async newer(generation: number): Promise<Current<T> | undefined> {
    this.#readAt = -Infinity;
    const known = await this.#read();
    return known !== undefined && known.generation > generation ? known : undefined;
  }

  /** The token after the given one, which was refused or has expired: renewed once for all callers. */
  async successor(former: Current<T> | undefined, ctx: Context): Promise<Current<T>> {
    if ((this.#known?.generation ?? 0) > (former?.generation ?? 0)) return this.#known!;
    if (isRequestBound()) {
      const renewal = this.#renew(former, ctx);
      ctx.background(renewal.catch(noop));
      return pTimeout(renewal, { milliseconds: Infinity, signal: ctx.signal });
    }
    if (this.#renewal === undefined) {
      const renewal = this.#renew(former, ctx).finally(() => (this.#renewal = undefined));
      this.#renewal = renewal;
    } else ctx.emit({ type: 'auth.awaited' });
    // A caller that leaves does not end the renewal: its result, of a server that rotates tokens, would be lost for all.
    return pTimeout(this.#renewal, { milliseconds: Infinity, signal: ctx.signal });
  }

  /** Signs in with a token, or out with `null`, for all that share the storage. A renewal that runs has no effect then. */
  async replace(token: T | null): Promise<void> {
    const { lease, ttl } = this.#settings;
    for (;;) {
      const entry = await this.#storage.get(this.#key);
      const stored = entry && this.#parse(formerResult(parseRecord(this.#key, entry)));
      const isNewest = (stored?.generation ?? 0) >= (this.#known?.generation ?? 0);
      const next = firstToken(isNewest ? stored : this.#known, token);
      const ifVersion = entry?.version ?? null;
      const options = { ttl: Math.max(ttl, lease), ifVersion };
      if ((await this.#storage.set(this.#key, recordOf(next), options)) !== undefined) {
        this.#known = next;
        this.#call?.abandon(); // not before the write: its caller would ask for a token again
        return;
      }
    }
  }

  async #renewEarly(former: StoredToken<T>, ctx: Context): Promise<void> {
    this.#earlyAfter = performance.now() + this.#settings.lease; // on some platforms it ends with its request, without a result
    await this.successor(former, ctx).then(
      () => (this.#earlyAfter = -Infinity),
      () => (this.#earlyAfter = performance.now() + this.#settings.early / 10),
    );
  }

  async #read(): Promise<StoredToken<T> | undefined> {
    if (this.#known === undefined) return this.#load();
    if (performance.now() - this.#readAt < readInterval) return this.#known;
    this.#readAt = performance.now();
    // A storage that fails, or does not respond, takes no token away from the calls.
    const fallback = (): StoredToken<T> | undefined => this.#known;
    return pTimeout(this.#load(), { milliseconds: readInterval, fallback }).catch(fallback);
  }

  async #load(): Promise<StoredToken<T> | undefined> {
    const entry = await this.#storage.get(this.#key);
    const stored = entry && this.#parse(formerResult(parseRecord(this.#key, entry)));
    this.#readAt = performance.now();
    if (this.#known === undefined || (stored?.generation ?? 0) >= this.#known.generation) return (this.#known = stored);
    // The storage was emptied, or has not taken the token: without it the other processes would sign in again.
    const { ttl } = this.#settings;
    await this.#storage.set(this.#key, recordOf(this.#known), { ttl, ifVersion: entry?.version ?? null });
    return this.#known;
  }

  #parse(text: string | undefined): StoredToken<T> | undefined {
    return text === undefined ? undefined : parseToken(this.#key, text);
  }

  async #renew(former: Current<T> | undefined, ctx: Context): Promise<StoredToken<T>> {
    const generation = former?.generation ?? 0;
    const { lease, ttl } = this.#settings;
    const replaces = (result: string | null): boolean => {
      const stored = this.#parse(result ?? undefined);
      return stored === undefined || (stored.token !== null && stored.generation <= generation);
    };
    const options: LeaseOptions = { storage: this.#storage, key: this.#key, fingerprint, lease, ttl, replaces };
    const watch = watchLease();
    for (let poll = shortestPoll; ; poll = Math.min(2 * poll, longestPoll)) {
      const found = await acquireLease(options, watch);
      if (found.state === 'done') return (this.#known = this.#parse(found.result ?? undefined)!);
      if (found.state === 'acquired') {
        const renewed = await this.#ask(found, ctx);
        if (renewed !== undefined) return (this.#known = renewed);
      }
      if (found.state === 'mismatch')
        throw new StorageError(`The entry ${this.#key} is not one that auth wrote; give auth a storage of its own`);
      if (found.state !== 'held') continue;
      if (poll === shortestPoll) ctx.emit({ type: 'auth.awaited' });
      await new Promise<void>((resolve) => after(Math.min(poll, found.lookIn), resolve));
    }
  }

  /** Asks for a new token. Resolves to `undefined` if another one was stored in the meantime. */
  async #ask(
    { lease, former }: Extract<LeaseOutcome, { readonly state: 'acquired' }>,
    ctx: Context,
  ): Promise<StoredToken<T> | undefined> {
    const before = this.#parse(former);
    const started = performance.now();
    const { renew, lease: time } = this.#settings;
    const { token, renewal: requestId = crypto.randomUUID() } = before ?? {};
    const call = (this.#call = new RenewalCall<T>({ token: token ?? undefined, user: this.#user, requestId }));
    let next: StoredToken<T>;
    try {
      const result = await call.run(renew, time).finally(() => (this.#call = undefined));
      if (result === abandoned) {
        await lease.release();
        return undefined;
      }
      next = nextToken(before, result ?? null);
    } catch (error) {
      if (!isRefusal(error)) {
        // A process that was frozen has lost its lease, and its successor may have renewed the token.
        if (!(await lease.release())) return undefined;
        noteRenewalError(error);
        throw error;
      }
      next = nextToken<T>(before, null);
    }
    const stored = await lease.complete({ result: JSON.stringify(next) }).catch(() => true); // it is stored at the next read
    if (!stored) return undefined;
    const duration = performance.now() - started;
    ctx.emit({ type: next.token === null ? 'auth.refused' : 'auth.renewed', duration });
    return next;
  }
}

/** All renewals are the same work. */
const fingerprint = 'token';

/** What the lease of a renewal would have stored. */
function recordOf(token: StoredToken<unknown>): string {
  return JSON.stringify({ fingerprint, holder: token.renewal, result: JSON.stringify(token) });
}

/** Whether the token server has refused the renewal (RFC 6749 §5.2), so that another try is in vain. Other errors sign no user out. */
function isRefusal(error: unknown): boolean {
  const { response } = Object(error) as { readonly response?: { readonly status?: number } };
  return [400, 401, 403].includes(response?.status as number);
}
