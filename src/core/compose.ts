/** The onion: a list of middleware around a terminal, the first outermost. */
import { fork, type Context, type Handler, type Middleware, type Next } from './context.ts';
import { KyoaError } from './errors.ts';
import { fn, show } from './options.ts';

/**
 * Combines a list of middleware and a terminal into one function. Each call of `next` runs the inner middleware anew, so
 * that a policy may repeat it or race it.
 *
 * @throws {KyoaError} `INVALID_OPTION`, if a member of `use` is not a function. The returned function rejects with
 * `BAD_MIDDLEWARE`, which names the middleware, if a middleware or the terminal resolves to something other than a Response.
 */
export function compose(use: readonly Middleware[], terminal: Handler): Handler {
  use.forEach((middleware, index) => fn(`use[${index}]`, middleware));
  fn('terminal', terminal);
  const outermost = use.reduceRight<Layer>(
    (inner, middleware, index) => layer(middleware, index, inner),
    layer(terminal, use.length, unreachable),
  );

  return (ctx) => {
    const results: Results = [];
    return outermost(ctx, results).then(
      (response) => {
        if (!isResponse(response)) return blame(use, results, ctx, undefined);
        results.length = 0; // a middleware that keeps its `next` must not keep the Response
        return response;
      },
      // What fails on a result that is no Response fails with a TypeError.
      (error: unknown) => (error instanceof TypeError ? blame(use, results, ctx, error) : Promise.reject(error)),
    );
  };
}

type Layer = (ctx: Context, results: Results) => Promise<Response>;

/**
 * The latest result of each layer, by which a bad one is found after the call has failed. A check in each layer would cost
 * a promise each: a GET through `standard()` on the global fetch took 6 % longer.
 */
type Results = (Promise<Response> | undefined)[];

function layer(middleware: Middleware, index: number, inner: Layer): Layer {
  return (ctx, results) => {
    const next: Next = (changes) => {
      try {
        return inner(changes === undefined ? ctx : fork(ctx, changes), results);
      } catch (error) {
        return Promise.reject(error); // a body that was sent cannot be sent again
      }
    };
    let result: unknown;
    try {
      result = middleware(ctx, next);
    } catch (error) {
      result = Promise.reject(error);
    }
    return (results[index] = result instanceof Promise ? result : Promise.resolve(result));
  };
}

const unreachable: Layer = () => Promise.reject(new Error('The transport has no inner middleware'));

/** Throws the error that names the innermost layer whose result is no Response; if there is none, the present error. */
async function blame(use: readonly Middleware[], results: Results, ctx: Context, error: unknown): Promise<never> {
  for (let index = use.length; index >= 0; index -= 1) {
    const pending = Promise.resolve(unsettled);
    const result: unknown = await Promise.race([results[index] ?? pending, pending]).catch(() => unsettled);
    if (result === unsettled || isResponse(result)) continue;
    const name = nameOf(use[index]);
    const message = `${name} resolved to ${show(result)}; return what next() resolves to, or a Response`;
    throw new KyoaError('BAD_MIDDLEWARE', message, { request: ctx });
  }
  throw error;
}

function nameOf(middleware: Middleware | undefined): string {
  if (middleware === undefined) return 'the transport';
  return middleware.name === '' ? 'an unnamed middleware' : `the middleware ${middleware.name}`;
}

const unsettled: unique symbol = Symbol('unsettled');

/** A polyfill's Response, and one of another realm, is recognized by its tag. */
export function isResponse(value: unknown): boolean {
  return value instanceof Response || Object.prototype.toString.call(value) === '[object Response]';
}
