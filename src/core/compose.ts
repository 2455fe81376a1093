/** The onion: a list of middleware around a terminal, the first outermost. */
import { fork, type Context, type Fork, type Handler, type Middleware } from './context.ts';
import { KyoaError } from './errors.ts';
import { fn, invalid, isPolicyName, markOf, show } from './options.ts';

/**
 * Combines a list of middleware and a terminal into one function. Each call of `next` runs the inner middleware anew, so
 * that a policy may repeat it or race it.
 *
 * @throws {KyoaError} `INVALID_OPTION`, if a member of `use` is not a function. The returned function rejects with
 * `BAD_MIDDLEWARE`, which names the middleware, if a middleware or the terminal resolves to something other than a Response.
 * @example
 * ```ts
 * const terminal: Handler = async (ctx) => new Response(ctx.url);
 * const run: Handler = compose([timeout(1_000), retry({ retries: 1 })], terminal);
 * ```
 * @see https://github.com/kyoa/kyoa/blob/main/docs/writing-a-middleware.md
 */
export function compose(use: readonly Middleware[], terminal: Handler): Handler {
  const layers: readonly Middleware[] = [...stackOf(use), fn('terminal', terminal)];

  const run = (index: number, results: Results, outer: Context, changes?: Fork): Promise<Response> => {
    let returned: unknown;
    try {
      const ctx = changes === undefined ? outer : fork(outer, changes);
      returned = layers[index]!(ctx, run.bind(undefined, index + 1, results, ctx));
    } catch (error) {
      returned = Promise.reject(error); // a fork throws, too: a body that was sent cannot be sent again
    }
    const result: Promise<Response> = returned instanceof Promise ? returned : Promise.resolve(returned);
    if (results.latest !== undefined) results.latest[index] = result;
    return result;
  };

  return (ctx) => {
    const latest: Result[] = [];
    const results: Results = { latest };
    return run(0, results, ctx).then(
      (response) => {
        results.latest = undefined;
        return isResponse(response) ? response : blame(use, latest, ctx, undefined);
      },
      (error: unknown) => {
        results.latest = undefined;
        // What fails on a result that is no Response fails with a TypeError.
        return error instanceof TypeError ? blame(use, latest, ctx, error) : Promise.reject(error);
      },
    );
  };
}

/** A copy of the list. @throws {KyoaError} `INVALID_OPTION`, which says what to write */
export function stackOf(use: readonly Middleware[]): readonly Middleware[] {
  if (!Array.isArray(use)) throw invalid('use', use, 'a list of middleware, such as [retry()] or standard()');
  use.forEach((middleware: Middleware, index) => {
    const name = `use[${index}]`;
    if (Array.isArray(middleware))
      throw new KyoaError('INVALID_OPTION', `${name} is a list; write ... before it: [...standard()]`);
    fn(name, middleware);
    if (isFactory(middleware)) throw invalid(name, middleware, `a middleware: write ${middleware.name}()`);
  });
  return [...use];
}

/**
 * Whether it is a function of kyoa that creates a policy, or `standard`. A middleware takes two parameters; one that takes
 * another number is most often an arrow, a method or async, which has no prototype.
 */
function isFactory(middleware: Middleware): boolean {
  const { name, length } = middleware;
  return (
    length < 2 &&
    'prototype' in middleware &&
    markOf(middleware) === undefined &&
    (name === 'standard' || isPolicyName(name))
  );
}

/** Whether the stack may have a policy of kyoa with this name. Minified it has no name, and other middleware may call it. */
export function mayHavePolicy(name: string, stack: readonly Middleware[]): boolean {
  return stack.some(
    (middleware) => middleware.name === name || markOf(middleware) === undefined || !isPolicyName(middleware.name),
  );
}

/**
 * Whether a middleware that is no policy of kyoa, or `auth`, is placed inside `outer`. It may add an identity to the request that
 * `outer` does not see. The result is also true if `outer` is not in the stack itself, because a middleware calls it, and
 * if the policy inside belongs to another copy of this module.
 */
export function hasForeignInside(outer: Middleware, stack: readonly Middleware[]): boolean {
  const index = stack.indexOf(outer);
  return index < 0 || !stack.slice(index).every((middleware) => markOf(middleware)?.addsIdentity === false);
}

/**
 * The latest result of each layer, by which a bad one is found after the call has failed. A check in each layer would cost
 * a promise each: a GET through `standard()` on the global fetch took 6 % longer.
 */
interface Results {
  /** `undefined` once the call has settled: a middleware that keeps its `next`, or calls it later, must not keep a Response. */
  latest: Result[] | undefined;
}
type Result = Promise<Response> | undefined;

/** Throws the error that names the innermost layer whose result is no Response; if there is none, the present error. */
async function blame(
  use: readonly Middleware[],
  results: readonly Result[],
  ctx: Context,
  error: unknown,
): Promise<never> {
  for (let index = use.length; index >= 0; index -= 1) {
    const pending = Promise.resolve(unsettled);
    const result: unknown = await Promise.race([results[index] ?? pending, pending]).catch(() => unsettled);
    if (result === unsettled || isResponse(result)) continue;
    const remedy = use[index] ? 'return what next() resolves to, or' : 'it must resolve to';
    const message = `${nameOf(use[index], ctx)} resolved to ${show(result)}; ${remedy} a Response`;
    throw new KyoaError('BAD_MIDDLEWARE', message, { request: ctx });
  }
  throw error;
}

function nameOf(middleware: Middleware | undefined, { side }: Context): string {
  if (middleware === undefined) return side === 'server' ? 'the handler' : 'the transport, a fetch,';
  return middleware.name === '' ? 'an unnamed middleware' : `the middleware ${middleware.name}`;
}

const unsettled: unique symbol = Symbol('unsettled');

/** A polyfill's Response, and one of another realm, is recognized by its tag. */
export function isResponse(value: unknown): boolean {
  return value instanceof Response || Object.prototype.toString.call(value) === '[object Response]';
}
