import isKnownNetworkError from 'is-network-error';
import pRetry from 'p-retry';
import { describe, expect, test, vi } from 'vitest';
import kyoa, {
  constant,
  createFetch,
  dedupe,
  hedge,
  isHTTPError,
  isNetworkError,
  isTimeoutError,
  KyoaError,
  NetworkError,
  race,
  retry,
  timeout,
  type Fetch,
  type Middleware,
} from '../../src/index.ts';
import { isNetworkError as isTransientNetworkError } from '../../src/lib/outcome.ts';
import { deaf } from '../support/call.ts';
import { networkError, responseOf, url } from '../support/http.ts';
import { settled } from '../support/origin.ts';
import { freePort } from '../support/redis.ts';
import { reasonOf } from '../support/promises.ts';

const again = (retries: number): Middleware => retry({ retries, backoff: constant(0), budget: false });

const refused = (): TypeError => networkError('ECONNREFUSED');

/** Throws a new error for each attempt, and keeps them. */
function failing(create: () => unknown): { fetch: Fetch; thrown: unknown[] } {
  const thrown: unknown[] = [];
  const fetch: Fetch = () => {
    const error = create();
    thrown.push(error);
    return Promise.reject(error);
  };
  return { fetch, thrown };
}

const failureOf = async (use: readonly Middleware[], fetch: Fetch): Promise<Tried> =>
  (await reasonOf(createFetch({ use, fetch })(url))) as Tried;

interface Tried extends Error {
  readonly attempts?: number;
}

const firstLine = ({ stack }: Error): string => stack!.split('\n')[0]!;
const inTime = String.raw`in (\d+ ms|\d+\.\d s)`;

describe('the error of fetch after several attempts', () => {
  test('is the error of the last attempt, with its message and cause, and is still known as one of the network', async () => {
    const { fetch, thrown } = failing(refused);
    const error = await failureOf([again(3)], fetch);
    expect(error).toBe(thrown[3]);
    expect(error.message).toBe('fetch failed');
    expect(error.cause).toMatchObject({ code: 'ECONNREFUSED' });
    expect([isKnownNetworkError, isTransientNetworkError].map((is) => is(error))).toEqual([true, true]);
    expect(thrown.slice(0, 3).map((earlier) => 'attempts' in (earlier as object))).toEqual([false, false, false]);
  });

  test('has the attempts as a member, and says in its stack what was tried', async () => {
    const error = await failureOf([again(3)], failing(refused).fetch);
    expect(error.attempts).toBe(4);
    expect(firstLine(error)).toMatch(new RegExp(`^TypeError: fetch failed after 4 attempts ${inTime}: ECONNREFUSED$`));
  });

  test('is that of a real connection', async () => {
    const fetch = createFetch({ use: [again(1)] });
    const error = (await reasonOf(fetch(`http://127.0.0.1:${await freePort()}/`))) as Tried;
    expect(error).toMatchObject({ message: 'fetch failed', attempts: 2, cause: { code: 'ECONNREFUSED' } });
    expect(firstLine(error)).toContain(' after 2 attempts ');
  });

  test('is retried by p-retry around the call, as without kyoa', async () => {
    const { fetch, thrown } = failing(refused);
    const call = createFetch({ use: [again(1)], fetch });
    await reasonOf(pRetry(() => call(url), { retries: 1, minTimeout: 0 }));
    expect(thrown).toHaveLength(4);
  });

  test('says the attempts of hedge, and of race', async () => {
    const hedged = await failureOf([hedge({ delay: 0, budget: false })], failing(refused).fetch);
    const raced = await failureOf([race(['http://a.example', 'http://b.example'])], failing(refused).fetch);
    expect([hedged.attempts, raced.attempts]).toEqual([2, 2]);
  });

  test('says the message of a cause without a code, without what may be secret in it', async () => {
    const create = (): TypeError =>
      new TypeError('fetch failed', { cause: new Error('no mock of http://api.example/?token=secret') });
    const use = [retry({ retries: 1, backoff: constant(0), when: ({ error }) => error !== undefined })];
    const error = await failureOf(use, failing(create).fetch);
    expect(firstLine(error)).toMatch(/: no mock of http:\/\/api\.example\/\?…$/);
  });

  test('counts the requests of nested policies together, and says it once', async () => {
    const error = await failureOf([again(1), again(2)], failing(refused).fetch);
    expect(error.attempts).toBe(6);
    expect(firstLine(error).match(/after/g)).toHaveLength(1);
  });

  test('says it once for all calls that share the request', async () => {
    const { fetch, thrown } = failing(refused);
    const call = createFetch({ use: [dedupe(), again(2)], fetch });
    const errors = (await Promise.all([call(url), call(url)].map(reasonOf))) as Tried[];
    expect(thrown).toHaveLength(3);
    expect(errors[0]).toBe(errors[1]);
    expect(errors[0]!.attempts).toBe(3);
    expect(firstLine(errors[0]!).match(/after/g)).toHaveLength(1);
  });

  test('does not grow when the same object is thrown for another call', async () => {
    const error = refused();
    const fetch = createFetch({ use: [again(1)], fetch: () => Promise.reject(error) });
    for (const retries of [1, 4, 2]) {
      expect(await reasonOf(fetch(url, { retry: retries }))).toBe(error);
      expect(error).toMatchObject({ message: 'fetch failed', attempts: retries + 1 });
      expect(firstLine(error)).toMatch(new RegExp(`failed after ${retries + 1} attempts ${inTime}: ECONNREFUSED$`));
    }
  });
});

describe('an error that says no more than before', () => {
  test('is that of a single attempt', async () => {
    const error = refused();
    const { message, stack } = error;
    expect(await failureOf([again(3)], () => Promise.reject(new TypeError('not of the network')))).not.toHaveProperty(
      'attempts',
    );
    await reasonOf(createFetch({ use: [again(3)], fetch: () => Promise.reject(error) })(url, { method: 'POST' }));
    expect(error).toMatchObject({ message, stack });
    expect(error).not.toHaveProperty('attempts');
  });

  test('is the reason of the caller’s abort', async () => {
    const reason = new Error('the user left');
    const { message, stack } = reason;
    const controller = new AbortController();
    let attempts = 0;
    const fetch = createFetch({
      use: [timeout(5_000), again(5)],
      fetch: async () => {
        attempts += 1;
        if (attempts < 3) throw refused();
        controller.abort(reason);
        throw reason;
      },
    });
    expect(await reasonOf(fetch(url, { signal: controller.signal }))).toBe(reason);
    await settled(); // the policies settle after the caller
    expect(attempts).toBe(3);
    expect(reason).toMatchObject({ message, stack });
    expect(reason).not.toHaveProperty('attempts');
  });

  test.each<[string, () => unknown]>([
    ['frozen', () => Object.freeze(refused())],
    ['no error', () => 'offline'],
    ['no object', () => undefined],
    [
      'unreadable',
      () =>
        Object.defineProperty(new Error('x'), 'stack', {
          get: () => {
            throw new Error('read');
          },
        }),
    ],
  ])('is one that is %s, and it is still the reason', async (_, create) => {
    const { fetch, thrown } = failing(create);
    const use = [retry({ retries: 1, backoff: constant(0), when: ({ response }) => response === undefined })];
    const reason = await reasonOf(createFetch({ use, fetch })(url));
    expect(thrown).toHaveLength(2);
    expect(reason).toBe(thrown[1]);
    expect(Object.keys(Object(reason) as object)).not.toContain('attempts');
  });
});

test('an error without a message has the attempts, and its stack begins with its name', async () => {
  const use = [retry({ retries: 1, backoff: constant(0), when: ({ response }) => response === undefined })];
  const error = await failureOf(use, failing(() => new RangeError('')).fetch);
  expect(error).toMatchObject({ message: '', attempts: 2 });
  expect(error.stack).toMatch(/^RangeError\b/);
});

describe('an error of kyoa after several attempts', () => {
  test('says it in its message', async () => {
    const create = (): KyoaError => new KyoaError('STORAGE', 'The store is closed');
    const use = [retry({ retries: 2, backoff: constant(0), when: ({ response }) => response === undefined })];
    const error = await failureOf(use, failing(create).fetch);
    expect(error.message).toMatch(new RegExp(`^The store is closed after 3 attempts ${inTime}$`));
    expect(firstLine(error)).toContain(error.message);
    expect(error).toMatchObject({ code: 'STORAGE', attempts: 3 });
  });

  test('does not grow when it is thrown for another call', async () => {
    const error = new KyoaError('STORAGE', 'The store is closed');
    const use = [retry({ retries: 2, backoff: constant(0), when: ({ response }) => response === undefined })];
    const fetch = createFetch({ use, fetch: () => Promise.reject(error) });
    await reasonOf(fetch(url));
    await reasonOf(fetch(url, { retry: 1 }));
    expect(error.message).toMatch(new RegExp(`^The store is closed after 2 attempts ${inTime}$`));
  });

  test('is the TimeoutError of `total`, while an attempt runs', async () => {
    vi.useFakeTimers();
    try {
      let attempts = 0;
      const fetch: Fetch = (...args) => ((attempts += 1) < 3 ? Promise.reject(refused()) : deaf(...args));
      const failure = failureOf([timeout(2_100), again(5)], fetch);
      await vi.advanceTimersByTimeAsync(2_200);
      const error = await failure;
      expect(isTimeoutError(error) && error.attempts).toBe(3);
      expect(error.message).toMatch(
        /^No complete response within 2100 ms \(total\): GET \S+ after 3 attempts in 2\.1 s$/,
      );
    } finally {
      vi.useRealTimers();
    }
  });

  test('is the TimeoutError of `total`, while the body is read', async () => {
    vi.useFakeTimers();
    try {
      let attempts = 0;
      const body = new ReadableStream({ start: (controller) => controller.enqueue(new Uint8Array(9)) });
      const fetch: Fetch = async () => ((attempts += 1) === 1 ? responseOf(503) : new Response(body));
      const response = await createFetch({ use: [timeout(300), again(1)], fetch })(url);
      const failure = reasonOf(response.text());
      await vi.advanceTimersByTimeAsync(400);
      expect(await failure).toMatchObject({ name: 'TimeoutError', attempts: 2 });
      expect((await failure) as Error).toHaveProperty('message', expect.stringContaining(' after 2 attempts in '));
    } finally {
      vi.useRealTimers();
    }
  });

  test('is the TimeoutError of the last attempt', async () => {
    vi.useFakeTimers();
    try {
      const failure = failureOf([again(1), timeout({ headers: 400 })], deaf);
      await vi.advanceTimersByTimeAsync(900);
      expect(await failure).toMatchObject({ attempts: 2, phase: 'headers' });
      expect((await failure).message).toMatch(/after 2 attempts in 8\d\d ms$/);
    } finally {
      vi.useRealTimers();
    }
  });
});

describe('the error of the client', () => {
  const client = (fetch: Fetch, retries: number) => kyoa.create({ use: [again(retries)], fetch });

  test('says in its message what was tried, if it is a NetworkError', async () => {
    const error = (await reasonOf(client(failing(refused).fetch, 3).get(url))) as Tried;
    expect(isNetworkError(error)).toBe(true);
    expect(error.attempts).toBe(4);
    const text = `^Request failed due to a network error: GET ${url} after 4 attempts ${inTime}: ECONNREFUSED$`;
    expect(error.message).toMatch(new RegExp(text));
    expect(firstLine(error)).toContain(error.message);
    expect(error.cause).toMatchObject({ message: 'fetch failed', attempts: 4 });
  });

  test('says the code of the cause after a single attempt, too', async () => {
    const error = (await reasonOf(client(failing(refused).fetch, 0).get(url))) as Tried;
    expect(error.message).toBe(`Request failed due to a network error: GET ${url}: ECONNREFUSED`);
    expect(error).not.toHaveProperty('attempts');
  });

  test('has the attempts, if it is an HTTPError', async () => {
    const error = (await reasonOf(client(async () => new Response('x', { status: 503 }), 1).get(url))) as Tried;
    expect(isHTTPError(error)).toBe(true);
    expect(error.attempts).toBe(2);
    expect(error.message).toMatch(/^Request failed with status code 503.* after 2 attempts in /);
  });

  test('is as it was for the status of a single attempt', async () => {
    const error = (await reasonOf(client(async () => new Response('x', { status: 404 }), 1).get(url))) as Tried;
    expect(error).not.toHaveProperty('attempts');
    expect(error.message).not.toContain('after');
  });

  test('says it once for each of the calls that share a request', async () => {
    const api = kyoa.create({ use: [dedupe(), again(1)], fetch: failing(refused).fetch });
    const errors = (await Promise.all([api.get(url), api.get(url)].map(reasonOf))) as Tried[];
    expect(errors.map(({ message }) => message.match(/after 2 attempts/g)?.length)).toEqual([1, 1]);
  });

  test.each<[string, () => NetworkError]>([
    ['without a cause', () => new NetworkError(new Request(url))],
    ['whose cause is null', () => new NetworkError(new Request(url), { cause: null as never })],
    ['that is frozen', () => Object.freeze(new NetworkError(new Request(url), { cause: refused() }))],
  ])('is the error of a hook, also one of ky %s', async (_, create) => {
    const error = create();
    const hook = (): never => {
      throw error;
    };
    const transport: Fetch = async () => new Response();
    for (const hooks of [{ beforeRequest: [hook] }, { afterResponse: [hook] }])
      expect(await reasonOf(kyoa.create({ fetch: transport, hooks }).get(url))).toBe(error);
  });
});
