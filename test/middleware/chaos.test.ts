import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { undici } from '../../adapters/transport/undici/undici.ts';
import {
  chaos,
  constant,
  createFetch,
  createHandler,
  idempotency,
  log,
  observe,
  retry,
  TimeoutError,
  timeout,
  type KyoaEvent,
  type KyoaFetch,
  type Middleware,
} from '../../src/index.ts';
import { isNetworkError } from '../../src/lib/outcome.ts';
import { origin, type Origin } from '../support/origin.ts';
import { reasonOf } from '../support/promises.ts';

/** A fault for every attempt. */
const always = { enabled: true, rate: 1 } as const;
/** Draws one number after another, and then the last one for ever. */
const draws =
  (...numbers: number[]) =>
  () =>
    numbers.length > 1 ? numbers.shift()! : numbers[0]!;
const refusalOf = (options: object): string => {
  try {
    chaos(options);
    return 'none';
  } catch (error) {
    return (error as Error).message;
  }
};

describe.each(['the global fetch', 'undici()'])('chaos on %s', (name) => {
  let server: Origin;
  let events: KyoaEvent[];
  const transport = name === 'undici()' ? undici() : undefined;

  beforeEach(async () => {
    events = [];
    server = await origin(async ({ response, body, request }) => {
      await body;
      if (request.url !== '/endless') response.setHeader('content-length', 10_000);
      const isHeld = request.url !== '/';
      response.write('x'.repeat(6_000), () => isHeld || response.end('x'.repeat(4_000)));
    });
  });
  afterEach(() => server[Symbol.asyncDispose]());

  function fetchWith(...use: readonly Middleware[]): KyoaFetch {
    return createFetch({
      use: [observe((event) => events.push(event)), ...use],
      ...(transport && { fetch: transport }),
    });
  }
  const injected = () =>
    events.filter(({ type }) => type === 'chaos.injected').map(({ id: _, time: __, ...fact }) => fact);

  test('does nothing unless it is enabled, and asks a function for each attempt', async () => {
    let on = false;
    const fetch = fetchWith(chaos({ rate: 1, status: 500, enabled: () => on }));
    expect((await fetch(server.url)).status).toBe(200);
    on = true;
    expect((await fetch(server.url)).status).toBe(500);
    expect((await fetchWith(chaos({ rate: 1, status: 500 }))(server.url)).status).toBe(200);
    expect(server.exchanges).toHaveLength(2);
  });

  test('gives a status in place of the server’s, with the URL of the request, and sends nothing', async () => {
    const response = await fetchWith(chaos({ ...always, status: 503 }))(`${server.url}a#part`);
    expect([response.status, response.url, await response.text()]).toEqual([503, `${server.url}a`, '']);
    expect(injected()).toEqual([{ type: 'chaos.injected', status: 503 }]);
    expect(server.exchanges).toHaveLength(0);
  });

  test('refuses a connection as a network does, which retry mends', async () => {
    const refused = chaos({ enabled: true, rate: 0.5, error: 'refused', random: draws(0.49, 0, 0.5) });
    const response = await fetchWith(retry({ backoff: constant(0) }), refused)(server.url);
    expect(response.status).toBe(200);
    await response.text();
    expect(injected()).toEqual([{ type: 'chaos.injected', error: 'refused' }]);
    expect(server.exchanges).toHaveLength(1);

    const error = await reasonOf(fetchWith(chaos({ ...always, error: 'refused' }))(server.url));
    expect(isNetworkError(error)).toBe(true);
    expect(error).toMatchObject({ cause: { code: 'ECONNREFUSED' } });
  });

  test('loses the response of a request that the server has executed, so that idempotency can be seen at work', async () => {
    const once = chaos({ enabled: true, rate: 0.5, error: 'reset', random: draws(0, 0, 0.9) });
    const fetch = fetchWith(idempotency(), retry({ backoff: constant(0) }), once);
    const response = await fetch(server.url, { method: 'POST', body: 'an order' });
    await response.text();
    const keys = server.exchanges.map(({ request }) => request.headers['idempotency-key']);
    expect(keys).toHaveLength(2);
    expect(new Set(keys).size).toBe(1);
    expect((await Promise.all(server.exchanges.map(({ body }) => body))).map(String)).toEqual(['an order', 'an order']);
  });

  test('hangs until a limit or the caller ends the call', async () => {
    const hanging = chaos({ ...always, error: 'hang' });
    expect(await reasonOf(fetchWith(timeout({ headers: 20 }), hanging)(server.url))).toBeInstanceOf(TimeoutError);
    const leaving = new AbortController();
    const left = reasonOf(fetchWith(hanging)(server.url, { signal: leaving.signal }));
    leaving.abort('gone');
    expect(await left).toBe('gone');
    expect(server.exchanges).toHaveLength(0);
  });

  test.each([
    ['of a known length', 'long', 0.5],
    ['of an unknown length in its first chunk', 'endless', 0.5],
    ['at its first byte', 'long', 0],
  ])('breaks a body %s off, and closes its connection', async (_, path, cut) => {
    const response = await fetchWith(chaos({ ...always, cut }))(server.url + path);
    expect(response.status).toBe(200);
    const error = await reasonOf(response.text());
    expect(isNetworkError(error)).toBe(true);
    expect(await server.exchanges[0]!.over).toBe('cut');
  });

  test('passes a body that is cut after its end, and one that is empty', async () => {
    expect(await (await fetchWith(chaos({ ...always, cut: 1 }))(server.url)).text()).toHaveLength(10_000);
    const head = await fetchWith(chaos({ ...always, cut: 0.5 }))(server.url, { method: 'HEAD' });
    expect(await head.text()).toBe('');
  });

  test('delays a request, and ends the delay with the caller', async () => {
    const slow = fetchWith(chaos({ ...always, latency: 30 }));
    const started = performance.now();
    await (await slow(server.url)).text();
    expect(performance.now() - started).toBeGreaterThan(28);
    expect(injected()).toEqual([{ type: 'chaos.injected', latency: 30 }]);

    const leaving = new AbortController();
    const left = reasonOf(fetchWith(chaos({ ...always, latency: 3_600_000 }))(server.url, { signal: leaving.signal }));
    leaving.abort('gone');
    expect(await left).toBe('gone');
    expect(server.exchanges).toHaveLength(1);
  });

  test('draws one of several faults', async () => {
    const random = draws(0, 0, 0, 0.4, 0, 0.9);
    const fetch = fetchWith(chaos({ ...always, status: 500, error: 'refused', cut: 0, random }));
    await fetch(server.url);
    await reasonOf(fetch(server.url));
    await reasonOf((await fetch(server.url)).text());
    expect(injected().map((fact) => Object.keys(fact)[1])).toEqual(['status', 'error', 'cut']);
  });

  test('takes a rate for each call from a function, and options for one call', async () => {
    const rate = vi.fn(({ url }: { url: string }) => (url.endsWith('/pay') ? 1 : 0));
    const fetch = fetchWith(chaos({ enabled: true, rate, status: 500 }));
    const statuses = await Promise.all([
      fetch(`${server.url}pay`),
      fetch(server.url),
      fetch(server.url, { chaos: 1 }),
      fetch(server.url, { chaos: { rate: 1, status: 429 } }),
      fetch(`${server.url}pay`, { chaos: false }),
    ]);
    expect(statuses.map(({ status }) => status)).toEqual([500, 200, 500, 429, 200]);
    expect((await fetchWith(chaos({ status: 500 }))(server.url, { chaos: 1 })).status).toBe(200);
  });

  test('marks the line of log', async () => {
    const lines: string[] = [];
    const use = [log({ write: (line) => lines.push(line) }), chaos({ ...always, status: 503 })];
    await fetchWith(...use)(server.url);
    await fetchWith(...use)(server.url, { chaos: false });
    expect(lines.map((line) => (JSON.parse(line) as { chaos?: number }).chaos)).toEqual([1, undefined]);
  });
});

describe('chaos', () => {
  afterEach(() => vi.unstubAllEnvs());

  test('disturbs the requests of a handler', async () => {
    const handle = createHandler({ use: [chaos({ ...always, status: 503 })] }, () => new Response('fine'));
    expect((await handle(new Request('http://a/'))).status).toBe(503);
  });

  test('is refused in production unless it is allowed', () => {
    vi.stubEnv('NODE_ENV', 'production');
    expect(refusalOf({ enabled: true, status: 500 })).toBe(
      'chaos is enabled in production; pass allow: true if that is what you want',
    );
    expect(refusalOf({ enabled: () => false, status: 500 })).toContain('allow: true');
    for (const options of [{}, { enabled: true, rate: 0 }, { enabled: true, allow: true }]) {
      expect(refusalOf({ status: 500, ...options })).toBe('none');
    }
  });

  test.each([
    [{ enabled: true }, 'chaos needs a fault: give it latency, status, error or cut'],
    [{ status: 99 }, 'chaos status must be a status of a response, 200 to 599, got 99'],
    [{ error: 'fire' }, `chaos error must be 'refused' or 'reset' or 'hang', got "fire"`],
    [{ cut: 2 }, 'chaos cut must be a number from 0 to 1, got 2'],
    [{ status: 500, rate: 2 }, 'chaos rate must be a number from 0 to 1, got 2'],
    [{ status: 500, enabled: 1 }, 'chaos enabled must be true or false, got 1'],
    [{ status: 500, statuses: [500] }, 'chaos has no option statuses'],
  ])('refuses %j', (options, message) => {
    expect(refusalOf(options)).toContain(message);
  });
});
