import { runInNewContext } from 'node:vm';
import { describe, expect, test } from 'vitest';
import { compose } from '../../src/core/compose.ts';
import { retry, standard, timeout } from '../../src/index.ts';
import type { Context, Handler, Middleware, Next } from '../../src/core/context.ts';
import { contextOf } from '../support/context.ts';
import { gcUntil } from '../support/sockets.ts';

const done = new Response('done');
const terminal: Handler = async () => done;

/** A middleware that notes when it starts and when it ends. */
function noted(name: string, notes: string[]): Middleware {
  return async (ctx, next) => {
    notes.push(`> ${name}`);
    const response = await next();
    notes.push(`< ${name}`);
    return response;
  };
}

/** Gives a middleware that breaks the type the type of a middleware. */
const loose = (middleware: (ctx: Context, next: Next) => unknown): Middleware => middleware as Middleware;

describe('compose', () => {
  test('runs the first listed outermost and the terminal last', async () => {
    const notes: string[] = [];
    const run = compose([noted('a', notes), noted('b', notes)], async () => {
      notes.push('terminal');
      return done;
    });
    expect(await run(contextOf())).toBe(done);
    expect(notes).toEqual(['> a', '> b', 'terminal', '< b', '< a']);
  });

  test('gives each middleware the context of the call if no middleware forks it', async () => {
    const seen: Context[] = [];
    const record: Middleware = (ctx, next) => {
      seen.push(ctx);
      return next();
    };
    const ctx = contextOf();
    await compose([record, record], (ctx) => {
      seen.push(ctx);
      return terminal(ctx);
    })(ctx);
    expect(seen).toHaveLength(3);
    for (const each of seen) expect(each).toBe(ctx);
  });

  test('gives the inner middleware a fork, and leaves the outer contexts unchanged', async () => {
    const attempts: Record<string, number> = {};
    const inner: Middleware = async (ctx, next) => {
      attempts['inner'] = ctx.attempt;
      const response = await next({ attempt: 9 });
      attempts['inner, after next()'] = ctx.attempt;
      return response;
    };
    const ctx = contextOf();
    const run = compose([(_ctx, next) => next({ attempt: 2 }), inner], async ({ attempt, id }) => {
      attempts['terminal'] = attempt;
      expect(id).toBe(ctx.id);
      return done;
    });
    await run(ctx);
    expect(attempts).toEqual({ inner: 2, 'inner, after next()': 2, terminal: 9 });
    expect(ctx.attempt).toBe(1);
  });

  test('runs the inner middleware again with each next()', async () => {
    const statuses = [503, 503, 200];
    const again: Middleware = async (_ctx, next) => {
      let response = await next();
      while (response.status === 503) response = await next();
      return response;
    };
    const notes: string[] = [];
    const run = compose([again, noted('inner', notes)], async () => new Response(null, { status: statuses.shift()! }));
    expect((await run(contextOf())).status).toBe(200);
    expect(notes).toEqual(['> inner', '< inner', '> inner', '< inner', '> inner', '< inner']);
  });

  test('runs concurrent calls of next(), each with its own fork', async () => {
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

  test('keeps concurrent calls apart', async () => {
    const run = compose(
      [(_ctx, next) => next(), async (ctx, next) => next({ attempt: ctx.attempt + 1 })],
      async (ctx) => new Response(`${ctx.id} ${ctx.attempt}`),
    );
    const ids = Array.from({ length: 50 }, (_, n) => `call-${n}`);
    const texts = ids.map(async (requestId) => (await run(contextOf({ options: { requestId } }))).text());
    expect(await Promise.all(texts)).toEqual(ids.map((id) => `${id} 2`));
  });

  test('returns from next() the very promise of the inner middleware', async () => {
    let inner: Promise<Response> | undefined;
    let passed: Promise<Response> | undefined;
    const outer: Middleware = (_ctx, next) => (passed = next());
    await compose([outer, (_ctx, next) => (inner = next())], async () => new Response())(contextOf());
    expect(passed).toBe(inner);
  });

  test('accepts the first of several results of next() as well as the last', async () => {
    let made = 0;
    const first: Middleware = (_ctx, next) => {
      const response = next();
      void next();
      return response;
    };
    const run = compose([first], async () => new Response(String((made += 1))));
    expect(await (await run(contextOf())).text()).toBe('1');
  });

  test('lets a middleware respond without next()', async () => {
    const run = compose([async () => done], () => {
      throw new Error('The terminal ran');
    });
    expect(await run(contextOf())).toBe(done);
  });

  test('accepts a Response that is returned without a promise', async () => {
    const returned = compose([loose(() => done)], terminal)(contextOf());
    expect(returned).toBeInstanceOf(Promise);
    expect(await returned).toBe(done);
  });

  test('accepts a Response of another realm', async () => {
    const foreign = runInNewContext(`({ get [Symbol.toStringTag]() { return 'Response'; } })`) as Response;
    expect(foreign).not.toBeInstanceOf(Response);
    expect(await compose([async () => foreign], terminal)(contextOf())).toBe(foreign);
  });

  test('rejects with an error that a middleware throws synchronously', async () => {
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

  test('passes on a rejection unchanged', async () => {
    const mistake = { not: 'even an error' };
    const run = compose([async (_ctx, next) => next(), (_ctx, next) => next()], async () => {
      throw mistake;
    });
    await expect(run(contextOf())).rejects.toBe(mistake);
  });

  test('lets a middleware catch a rejection of the inner middleware', async () => {
    const substitute: Middleware = async (_ctx, next) => next().catch(() => done);
    const run = compose([substitute, async () => Promise.reject(new Error('inner'))], terminal);
    expect(await run(contextOf())).toBe(done);
  });

  test.for<unknown>([undefined, null, 'a body', { status: 200 }, Symbol('response'), Object.create(null)])(
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

  test('names a middleware that returns nothing, without a promise', async () => {
    const forgetful = loose(function forgetful(_ctx, next) {
      void next();
    });
    await expect(compose([forgetful], terminal)(contextOf())).rejects.toThrow(
      'the middleware forgetful resolved to undefined',
    );
  });

  test('names a middleware, or a transport, that returns undefined without calling next', async () => {
    await expect(compose([loose(function lazy() {})], terminal)(contextOf())).rejects.toThrow(
      'the middleware lazy resolved to undefined',
    );
    await expect(compose([], (() => undefined) as never)(contextOf())).rejects.toThrow(
      'the transport, a fetch, resolved to undefined; it must resolve to a Response',
    );
  });

  test('reports a middleware without a name as unnamed', async () => {
    await expect(compose([loose(async () => {})], terminal)(contextOf())).rejects.toThrow(
      'an unnamed middleware resolved to undefined',
    );
  });

  test('names no middleware if the terminal resolves to nothing', async () => {
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
  ])('throws for %o in its list, and names the index', ([value, shown]) => {
    const use = [async (_ctx: Context, next: Next) => next(), value as Middleware];
    expect(() => compose(use, terminal)).toThrow(
      expect.objectContaining({ code: 'INVALID_OPTION', message: `use[1] must be a function, got ${shown}` }),
    );
  });

  test('ignores later changes of its list', async () => {
    const use: Middleware[] = [(_ctx, next) => next()];
    const run = compose(use, terminal);
    use.push(async () => new Response('added later'));
    expect(await run(contextOf())).toBe(done);
  });

  test.each([
    ['has resolved', async () => new Response('mine')],
    ['has rejected', () => Promise.reject(new Error('left'))],
  ])('keeps no Response that a middleware gets from its next after the call %s', async (_how, settle) => {
    let later!: Next;
    const run = compose(
      [
        (_ctx, next) => {
          later = next;
          return settle();
        },
      ],
      async () => new Response('late'),
    );
    await run(contextOf()).catch(() => undefined);
    const get = async (): Promise<WeakRef<Response>> => new WeakRef(await later());
    const late = await get();
    await gcUntil(() => late.deref() === undefined);
    expect(later).toBeDefined();
  });

  test.each<[string, unknown, string]>([
    ['one policy', retry(), 'use must be a list of middleware, such as [retry()] or standard(), got function retry'],
    [
      'what creates a stack',
      standard,
      'use must be a list of middleware, such as [retry()] or standard(), got function standard',
    ],
    ['a stack in a list', [standard()], 'use[0] is a list; write ... before it: [...standard()]'],
    ['what creates a policy', [timeout(5), retry], 'use[1] must be a middleware: write retry(), got function retry'],
    [
      'what creates a stack in a list',
      [standard],
      'use[0] must be a middleware: write standard(), got function standard',
    ],
    ['a value in a list', [false], 'use[0] must be a function, got false'],
  ])('refuses %s, and says what to write', (_, use, message) => {
    expect(() => compose(use as Middleware[], terminal)).toThrow(
      expect.objectContaining({ code: 'INVALID_OPTION', message }),
    );
  });

  test('takes a middleware that has the name of a policy and other parameters', async () => {
    const retry: Middleware = (...both) => both[1]();
    const own: Middleware[] = [
      function retry(_ctx, next) {
        return next();
      },
      retry,
      { log: (async (...both) => both[1]()) satisfies Middleware }.log,
      { trace: async (...[, next]: Parameters<Middleware>) => next() }.trace,
    ];
    expect(own.map(({ name }) => name)).toEqual(['retry', 'retry', 'log', 'trace']);
    for (const middleware of own) expect(await compose([middleware], terminal)(contextOf())).toBe(done);
  });
});
