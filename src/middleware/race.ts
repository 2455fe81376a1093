/** Sends a request to several endpoints at once and takes the first good answer. Stands inside `retry`. */
import type { Middleware } from '../core/context.ts';
import { forCall, fn, invalid, array, knownKeys } from '../core/options.ts';
import { safeMethods } from '../core/engine/http.ts';
import { attemptRace, type Run } from '../lib/attempt-race.ts';
import { isNotGood, unwrap, type Outcome, type When } from '../lib/outcome.ts';
import { resendable, type Resendable } from '../lib/request/resend.ts';
import { baseOf, rebase, rewriteUrl } from '../lib/request/rewrite-url.ts';
import { attachAttemptErrors } from '../lib/attempt-errors.ts';

export interface RaceOptions {
  /** What may be done several times over; any other method goes to the first endpoint alone. @default the safe ones of RFC 9110 §9.2.1, and QUERY */
  readonly methods?: readonly string[];
  /** An outcome that does not win while another endpoint may do better. @default errors, 408, 429 and everything from 500 on */
  readonly when?: When;
}

/**
 * Each endpoint takes the place of the origin of a request's URL, a path of its own goes before the request's; with all
 * of the request's headers: to list an endpoint is to trust it with `Authorization`. The first good answer wins and the
 * others are aborted. If all fail, the answer of the first one that gave any stands; if none did, the first one's error,
 * with an `AggregateError` for a cause that tells what each of them said. A body that cannot be sent again goes to the
 * first alone.
 *
 * Costs every endpoint every request; `hedge` over `endpoints` comes close for a few per cent.
 *
 * Per call: `race: { ... }`, or `race: false` to send the request where its URL says.
 *
 * @throws {KyoaError} `INVALID_OPTION`
 */
export function race(urls: readonly (string | URL)[], options: RaceOptions = {}): Middleware {
  const bases = array('race urls', urls).map(parseBase);
  if (bases.length === 0) throw invalid('race urls', urls, 'a list with at least one URL');
  const own = parse(options);

  return async function race(ctx, next) {
    const policy = forCall(ctx.options['race'], own, (override: RaceOptions) => parse({ ...options, ...override }));
    if (policy === undefined || !ctx.request.url.startsWith('http')) return next();
    const copies = policy.methods.has(ctx.method) ? resendable(ctx) : undefined;
    const runs = bases.map((base, index): Run => {
      return async (signal) => {
        const copy = await rewriteUrl(await copyOf(ctx.request, copies, index), rebase(ctx.request.url, base));
        signal.throwIfAborted();
        return next({ request: copy, signal, attempt: ctx.attempt + index });
      };
    });
    if (copies === undefined) return runs[0]!(ctx.signal);

    const contest = attemptRace(ctx.signal, { isBad: (outcome: Outcome) => policy.when(outcome, ctx) });
    try {
      contest.start(...runs);
      const { outcome, copy, good, outcomes } = await contest.result;
      if (good) ctx.emit({ type: 'race.won', url: bases[copy]! });
      else if (outcome.response === undefined && bases.length > 1) {
        const sayings = bases.map((url, index) => ({ url, error: outcomes[index]?.error }));
        attachAttemptErrors(outcome.error, sayings);
      }
      return unwrap(outcome);
    } finally {
      copies.close();
    }
  };
}

function parseBase(url: string | URL): string {
  const base = baseOf(String(url));
  if (base === undefined) throw invalid('race urls', url, 'http URLs without credentials, query and hash');
  return base;
}

function parse(options: RaceOptions) {
  knownKeys('race', options, ['methods', 'when']);
  return {
    methods: new Set(array('race methods', options.methods ?? safeMethods).map((method) => method.toUpperCase())),
    when: fn('race when', options.when ?? isNotGood),
  };
}

async function copyOf(request: Request, copies: Resendable | undefined, index: number): Promise<Request> {
  if (index === 0) return request;
  const copy = await copies?.next();
  if (copy === undefined) throw new Error('The body of the request is too long to be sent more than once');
  return copy;
}
