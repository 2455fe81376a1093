/** What the types refuse: without its error, the line above each fails the compilation. */
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
import { file } from 'kyoa/file';
import { script } from 'kyoa/testing';

// @ts-expect-error: the option is `retries`
retry({ retires: 3 });
// @ts-expect-error: ms, not a text
timeout('5s');
// @ts-expect-error: no such limit
timeout({ connect: 1_000 });
// @ts-expect-error: the key is required
latest({});
// @ts-expect-error: a number
hedge({ ratio: '2 %' });
// @ts-expect-error: the option is `cooldown`
breaker({ coolDown: 1_000 });
// @ts-expect-error: a rate has a window
limit({ rate: { count: 10 } });
// @ts-expect-error: a number, not a window of them
budget({ window: [1, 2] });
// @ts-expect-error: no such policy in the default stack
standard({ hedge: {} });
// @ts-expect-error: a list
createFetch({ use: retry() });
// @ts-expect-error: a factory that was not called
createFetch({ use: [retry] });
// @ts-expect-error: no such storage
createFetch({ storage: new Map() });
// @ts-expect-error: a handler answers with a Response
createHandler({}, () => 'hello');
// @ts-expect-error: an id is a text
void kyoa.get('/', { requestId: 42 });
// @ts-expect-error: ky's option of that name is not kyoa's
void kyoa.get('/', { retry: { statusCodes: [500] } });
// @ts-expect-error: 'power' or 'process'
file('kyoa.db', { durability: 'none' });
// @ts-expect-error: no such fault
script({ fault: 'explode' });

export const assigns: Middleware = async (ctx: Context, next) => {
  // @ts-expect-error: a context is forked, never assigned to
  ctx.attempt = 2;
  // @ts-expect-error: what a fork may change is listed
  return next({ id: 'another' });
};

// @ts-expect-error: a middleware resolves to a Response
export const nothing: Middleware = async () => undefined;

export async function version(storage: Storage): Promise<number> {
  // @ts-expect-error: undefined where the condition did not hold
  return storage.set('key', 'value', { ifVersion: null });
}
