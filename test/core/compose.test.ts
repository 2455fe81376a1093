import { runInNewContext } from 'node:vm';
import { describe, expect, test } from 'vitest';
import { compose } from '../../src/core/compose.ts';
import type { Context, Handler, Middleware, Next } from '../../src/core/context.ts';
import { contextOf } from '../support/context.ts';

const answer = new Response('answer');
const terminal: Handler = async () => answer;

/** Notes when it is entered and left. */
function noted(name: string, notes: string[]): Middleware {
  return async (ctx, next) => {
    notes.push(`> ${name}`);
    const response = await next();
    notes.push(`< ${name}`);
    return response;
  };
}

/** What a middleware may do wrong is not of its type. */
const loose = (middleware: (ctx: Context, next: Next) => unknown): Middleware => middleware as Middleware;

describe('compose', () => {
  test('runs the first listed outermost and the terminal last', async () => {
    const notes: string[] = [];
    const run = compose([noted('a', notes), noted('b', notes)], async () => {
      notes.push('terminal');
      return answer;
    });
    expect(await run(contextOf())).toBe(answer);
    expect(notes).toEqual(['> a', '> b', 'terminal', '< b', '< a']);
  });

  test('hands every layer the context of the call, when nobody forks it', async () => {
    const seen: Context[] = [];
    const see: Middleware = (ctx, next) => {
      seen.push(ctx);
      return next();
    };
    const ctx = contextOf();
    await compose([see, see], (ctx) => {
      seen.push(ctx);
      return terminal(ctx);
    })(ctx);
    expect(seen).toHaveLength(3);
    for (const each of seen) expect(each).toBe(ctx);
  });

  test('gives what is beneath a fork of its own and leaves the parents as they were', async () => {
    const attempts: Record<string, number> = {};
    const below: Middleware = async (ctx, next) => {
      attempts['below'] = ctx.attempt;
      const response = await next({ attempt: 9 });
      attempts['below, after'] = ctx.attempt;
      return response;
    };
    const ctx = contextOf();
    const run = compose([(_ctx, next) => next({ attempt: 2 }), below], async ({ attempt, id }) => {
      attempts['terminal'] = attempt;
      expect(id).toBe(ctx.id);
      return answer;
    });
    await run(ctx);
    expect(attempts).toEqual({ below: 2, 'below, after': 2, terminal: 9 });
    expect(ctx.attempt).toBe(1);
  });

  test('lets next() run what is beneath again', async () => {
    const statuses = [503, 503, 200];
    const again: Middleware = async (_ctx, next) => {
      let response = await next();
      while (response.status === 503) response = await next();
      return response;
    };
    const notes: string[] = [];
    const run = compose([again, noted('below', notes)], async () => new Response(null, { status: statuses.shift()! }));
    expect((await run(contextOf())).status).toBe(200);
    expect(notes).toEqual(['> below', '< below', '> below', '< below', '> below', '< below']);
  });

  test('lets next() run concurrently, each run with its own fork', async () => {
    const seen: number[] = [];
    const gates = new Map<number, (response: Response) => void>();
    const all: Middleware = async (_ctx, next) => {
      const runs = [1, 2, 3].map((attempt) => next({ attempt }));
      gates.get(2)!(new Response('second'));
      return Promise.race(runs);
    };
    const run = compose([all, async (ctx, next) => next()], ({ attempt }) => {
      seen.push(attempt);
      return new Promise((resolve) => gates.set(attempt, resolve));
    });
    expect(await (await run(contextOf())).text()).toBe('second');
    expect(seen).toEqual([1, 2, 3]);
  });

  test('serves many calls at once without mixing them up', async () => {
    const run = compose(
      [(_ctx, next) => next(), async (ctx, next) => next({ attempt: ctx.attempt + 1 })],
      async (ctx) => new Response(`${ctx.id} ${ctx.attempt}`),
    );
    const ids = Array.from({ length: 50 }, (_, n) => `call-${n}`);
    const texts = ids.map(async (requestId) => (await run(contextOf({ options: { requestId } }))).text());
    expect(await Promise.all(texts)).toEqual(ids.map((id) => `${id} 2`));
  });

  test('returns the very promise from below when a layer only passes it on', () => {
    let below: Promise<Response> | undefined;
    const run = compose([(_ctx, next) => next(), (_ctx, next) => (below = next())], terminal);
    expect(run(contextOf())).toBe(below);
  });

  test('takes the first of several answers from beneath as readily as the last', async () => {
    let made = 0;
    const first: Middleware = (_ctx, next) => {
      const response = next();
      void next();
      return response;
    };
    const run = compose([first], async () => new Response(String((made += 1))));
    expect(await (await run(contextOf())).text()).toBe('1');
  });

  test('lets a middleware answer without what is beneath', async () => {
    const run = compose([async () => answer], () => {
      throw new Error('Nobody asked');
    });
    expect(await run(contextOf())).toBe(answer);
  });

  test('takes a Response that is returned, not promised', async () => {
    const returned = compose([loose(() => answer)], terminal)(contextOf());
    expect(returned).toBeInstanceOf(Promise);
    expect(await returned).toBe(answer);
  });

  test('takes a Response of another realm', async () => {
    const foreign = runInNewContext(`({ get [Symbol.toStringTag]() { return 'Response'; } })`) as Response;
    expect(foreign).not.toBeInstanceOf(Response);
    expect(await compose([async () => foreign], terminal)(contextOf())).toBe(foreign);
  });

  test('makes a rejection of what is thrown', async () => {
    const mistake = new TypeError('a mistake');
    const run = compose(
      [
        () => {
          throw mistake;
        },
      ],
      terminal,
    );
    await expect(run(contextOf())).rejects.toBe(mistake);
  });

  test('lets a rejection through as it is', async () => {
    const mistake = { not: 'even an error' };
    const run = compose([async (_ctx, next) => next(), (_ctx, next) => next()], async () => {
      throw mistake;
    });
    await expect(run(contextOf())).rejects.toBe(mistake);
  });

  test('lets a middleware catch what is thrown beneath', async () => {
    const substitute: Middleware = async (_ctx, next) => next().catch(() => answer);
    const run = compose([substitute, async () => Promise.reject(new Error('below'))], terminal);
    expect(await run(contextOf())).toBe(answer);
  });

  test.for<unknown>([undefined, null, 'a body', { status: 200 }, Symbol('answer'), Object.create(null)])(
    'names the middleware that resolves to %o',
    async (value) => {
      const ctx = contextOf();
      const culprit = loose(async function culprit(_ctx, next) {
        await next();
        return value;
      });
      const run = compose([async (_ctx, next) => next(), culprit, async (_ctx, next) => next()], terminal);
      await expect(run(ctx)).rejects.toMatchObject({
        name: 'KyoaError',
        code: 'BAD_MIDDLEWARE',
        message: expect.stringMatching(
          /^the middleware culprit resolved to .+; return what next\(\) resolves to, or a/,
        ),
        request: ctx.request,
      });
    },
  );

  test('names a middleware that returns nothing, promised or not', async () => {
    const forgetful = loose(function forgetful(_ctx, next) {
      void next();
    });
    await expect(compose([forgetful], terminal)(contextOf())).rejects.toThrow(
      'the middleware forgetful resolved to undefined',
    );
  });

  test('says of a middleware without a name that it has none', async () => {
    await expect(compose([loose(async () => {})], terminal)(contextOf())).rejects.toThrow(
      'an unnamed middleware resolved to undefined',
    );
  });

  test('does not blame a middleware for what the terminal resolved to', async () => {
    const innocent: Middleware = async function innocent(_ctx, next) {
      return next();
    };
    const nothing = (async () => {}) as unknown as Handler;
    await expect(compose([innocent], nothing)(contextOf())).rejects.toThrow(/^(?!.*innocent)/);
  });

  test.for<[unknown, string]>([
    [undefined, 'undefined'],
    [{ retries: 3 }, '{"retries":3}'],
    ['retry', '"retry"'],
  ])('refuses %o in its list and names the place', ([value, shown]) => {
    const use = [async (_ctx: Context, next: Next) => next(), value as Middleware];
    expect(() => compose(use, terminal)).toThrow(
      expect.objectContaining({ code: 'INVALID_OPTION', message: `use[1] must be a function, got ${shown}` }),
    );
  });

  test('goes by the list as it was', async () => {
    const use: Middleware[] = [(_ctx, next) => next()];
    const run = compose(use, terminal);
    use.push(async () => new Response('added later'));
    expect(await run(contextOf())).toBe(answer);
  });
});
