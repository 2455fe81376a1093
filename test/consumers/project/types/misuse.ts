/** Code that the types must reject. A line without a type error makes its `@ts-expect-error` fail the compilation. */
import kyoa, {
  breaker,
  budget,
  createFetch,
  createHandler,
  hedge,
  latest,
  limit,
  retry,
  standard,
  timeout,
} from 'kyoa';
import type { Context, Middleware, Storage } from 'kyoa';
import { events } from 'kyoa/events';
import { file } from 'kyoa/file';
import { script } from 'kyoa/testing';

// @ts-expect-error: the option is `retries`
retry({ retires: 3 });
// @ts-expect-error: a number of ms, not a string
timeout('5s');
// @ts-expect-error: this limit does not exist
timeout({ connect: 1_000 });
// @ts-expect-error: the key is required
latest({});
// @ts-expect-error: the ratio is a number
hedge({ ratio: '2 %' });
// @ts-expect-error: the option is `cooldown`
breaker({ coolDown: 1_000 });
// @ts-expect-error: a rate needs a window
limit({ rate: { count: 10 } });
// @ts-expect-error: the window is a number of ms
budget({ window: [1, 2] });
// @ts-expect-error: the standard stack does not contain this policy
standard({ hedge: {} });
// @ts-expect-error: `use` is a list
createFetch({ use: retry() });
// @ts-expect-error: a factory must be called
createFetch({ use: [retry] });
// @ts-expect-error: a Map is not a Storage
createFetch({ storage: new Map() });
// @ts-expect-error: a handler returns a Response
createHandler({}, () => 'hello');
// @ts-expect-error: a requestId is a string
void kyoa.get('/', { requestId: 42 });
// @ts-expect-error: `statusCodes` is an option of ky's retry, not of kyoa's
void kyoa.get('/', { retry: { statusCodes: [500] } });
// @ts-expect-error: the durability is 'power' or 'process'
file('kyoa.db', { durability: 'none' });
// @ts-expect-error: this fault does not exist
script({ fault: 'explode' });

export const assigns: Middleware = async (ctx: Context, next) => {
  // @ts-expect-error: a context is read-only; next() forks it
  ctx.attempt = 2;
  // @ts-expect-error: a fork cannot change the id
  return next({ id: 'another' });
};

// @ts-expect-error: a middleware resolves to a Response
export const nothing: Middleware = async () => undefined;

export async function version(storage: Storage): Promise<number> {
  // @ts-expect-error: the result is undefined if the condition is not met
  return storage.set('key', 'value', { ifVersion: null });
}

// @ts-expect-error: the id is a string
events(kyoa, 'feed', { from: 7 });
// @ts-expect-error: fetch has no such option
events(globalThis.fetch, 'feed', { retry: 3 });
// @ts-expect-error: a response has no options
events(new Response(), { from: '7' });
