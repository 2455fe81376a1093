/** The options of `outbox()`. */
import type { Context } from '../core/context.ts';
import { count, delay, duration, fn, methods, oneOf, policyOptions, positive, storage, text } from '../core/options.ts';
import type { PolicyOptions, Settings } from '../core/options.ts';
import type { Storage } from '../core/storage.ts';
import { exponential, type Backoff } from '../lib/backoff.ts';
import { byOrigin } from '../lib/keys.ts';
import type { When } from '../lib/outcome.ts';
import { staysWaiting, unreachable } from './verdict.ts';

/**
 * The options of `outbox()`. Durations are in ms.
 *
 * @see https://github.com/kyoa/kyoa/blob/main/docs/outbox.md#options
 */
export interface OutboxOptions {
  /** Requests with other methods are not affected. @default ['POST', 'PUT', 'PATCH', 'DELETE'] */
  readonly methods?: readonly string[] | undefined;
  /** Whether a request is kept for later after this outcome of its call. @default `unreachable`: no response of the server */
  readonly when?: When | undefined;
  /**
   * Whether a request that was kept goes on waiting after this outcome of a later try. After any other outcome it is settled.
   * @default no response of the server, and the statuses 401, 408, 425, 429 and 5xx
   */
  readonly failed?: When | undefined;
  /** Requests of the same lane are sent in order, one at a time; lanes do not wait for each other. @default the origin */
  readonly lane?: ((ctx: Context) => string) | undefined;
  /**
   * Who makes the call. A request waits while another user is signed in. Without it and `auth`, all requests are those of one user.
   * @default the user of `auth`
   */
  readonly user?: ((ctx: Context) => string | undefined) | undefined;
  /** For how long a request is tried, ms. Afterwards it is tried once more. @default 604_800_000, 7 days */
  readonly keep?: number | undefined;
  /** How many requests may wait. Each write of the list of waiting requests is as long as the list. @default 1_000 */
  readonly limit?: number | undefined;
  /** The most bytes of a request body. @default 65_536, 64 KiB */
  readonly maxBody?: number | undefined;
  /** How long a call waits for the requests that are ahead of its own, ms, before it resolves with a 202. @default 5_000 */
  readonly wait?: number | undefined;
  /** How the idempotency key is sent: bare, or as the draft's quoted string. @default 'bare' */
  readonly format?: 'bare' | 'structured' | undefined;
  /** The pause of a lane after its nth failed try, ms. @default exponential(1_000, 300_000) */
  readonly backoff?: Backoff | undefined;
  /** A tab or process that has not renewed its lease for this long is taken for dead, and another one sends, ms. @default 15_000 */
  readonly lease?: number | undefined;
  /** The name of this outbox in its storage. @default 'outbox' */
  readonly name?: string | undefined;
  /** Where the requests wait. @default the storage of the client */
  readonly storage?: Storage | undefined;
}

/**
 * The options that a call may override: `outbox: { lane: () => 'drafts' }`.
 *
 * @see https://github.com/kyoa/kyoa/blob/main/docs/outbox.md#options
 */
export type OutboxOverride = Pick<OutboxOptions, 'when' | 'lane' | 'keep' | 'wait' | 'maxBody'>;

export type Policy = Settings<OutboxOptions, 'user' | 'storage'>;

export const outboxOptions: PolicyOptions<Policy> = /* @__PURE__ */ policyOptions(
  'outbox',
  {
    methods: [methods, ['POST', 'PUT', 'PATCH', 'DELETE']],
    when: [fn, unreachable],
    failed: [fn, staysWaiting],
    lane: [fn, byOrigin, text],
    user: [fn, undefined],
    keep: [duration, 604_800_000],
    limit: [positive, 1_000],
    maxBody: [count, 65_536],
    wait: [duration, 5_000],
    format: [oneOf, 'bare', ['bare', 'structured']],
    backoff: [fn, /* @__PURE__ */ exponential(1_000, 300_000), delay],
    lease: [duration, 15_000],
    name: [text, 'outbox'],
    storage: [storage, undefined],
  },
  { perCall: ['when', 'lane', 'keep', 'wait', 'maxBody'] },
);
