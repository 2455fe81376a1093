/** The onion: folds a list of middlewares, first is outermost, around a terminal. */
import { fork, type Context, type Handler, type Middleware, type Next } from './context.ts';
import { KyoaError } from './errors.ts';
import { fn, show } from './options.ts';

/**
 * Re-entrant: every call of `next` runs what is beneath anew, so a policy may repeat or race it.
 *
 * @throws {KyoaError} `INVALID_OPTION`, when a member of `use` is not a function. The handler rejects with
 * `BAD_MIDDLEWARE`, naming the culprit, when a middleware or the terminal resolves to something other than a Response.
 */
export function compose(use: readonly Middleware[], terminal: Handler): Handler {
  use.forEach((middleware, index) => fn(`use[${index}]`, middleware));
  fn('terminal', terminal);
  return use.reduceRight<Handler>(
    (below, middleware) => layer(middleware, nameOf(middleware), below),
    layer((ctx) => terminal(ctx), 'the transport', unreachable),
  );
}

function layer(middleware: Middleware, name: string, below: Handler): Handler {
  return (ctx) => {
    let passed: Promise<Response> | undefined;
    const next: Next = (changes) => (passed = below(changes === undefined ? ctx : fork(ctx, changes)));
    try {
      const answer = middleware(ctx, next);
      // What was passed on is checked beneath already.
      if (answer === passed) return answer;
      return Promise.resolve(answer).then((response) => checked(response, name, ctx));
    } catch (error) {
      return Promise.reject(error);
    }
  };
}

const unreachable: Handler = () => Promise.reject(new Error('There is nothing beneath the transport'));

function nameOf({ name }: Middleware): string {
  return name === '' ? 'an unnamed middleware' : `the middleware ${name}`;
}

function checked(response: Response, by: string, ctx: Context): Response {
  // The tag as well: a polyfill or a mock of another realm is a Response, too.
  if (response instanceof Response || Object.prototype.toString.call(response) === '[object Response]') return response;
  const message = `${by} resolved to ${show(response)}; return what next() resolves to, or a Response`;
  throw new KyoaError('BAD_MIDDLEWARE', message, { request: ctx.request });
}
