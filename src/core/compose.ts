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
  return use.reduceRight<Handler>(
    (inner, middleware) => layer(middleware, nameOf(middleware), inner),
    layer(terminal, 'the transport', unreachable),
  );
}

function layer(middleware: Middleware, name: string, inner: Handler): Handler {
  return (ctx) => {
    let passed: Promise<Response> | undefined;
    const next: Next = (changes) => {
      try {
        return (passed = inner(changes === undefined ? ctx : fork(ctx, changes)));
      } catch (error) {
        return Promise.reject(error); // a body that was sent cannot be sent again
      }
    };
    try {
      const result = middleware(ctx, next);
      // The inner layer has checked the promise that it returned.
      if (passed !== undefined && result === passed) return result;
      return Promise.resolve(result).then((response) =>
        response instanceof Response ? response : mustBeResponse(response, name, ctx),
      );
    } catch (error) {
      return Promise.reject(error);
    }
  };
}

const unreachable: Handler = () => Promise.reject(new Error('The transport has no inner middleware'));

function nameOf({ name }: Middleware): string {
  return name === '' ? 'an unnamed middleware' : `the middleware ${name}`;
}

function mustBeResponse(response: Response, by: string, ctx: Context): Response {
  // A polyfill's Response, and one of another realm, is recognized by its tag.
  if (Object.prototype.toString.call(response) === '[object Response]') return response;
  const message = `${by} resolved to ${show(response)}; return what next() resolves to, or a Response`;
  throw new KyoaError('BAD_MIDDLEWARE', message, { request: ctx });
}
