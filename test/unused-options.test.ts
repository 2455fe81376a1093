/** An option of a call that no policy of the stack reads: a limit that would be dropped without a word. */
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import kyoa, {
  createFetch,
  createHandler,
  maxBody,
  replaceOption,
  retry,
  standard,
  timeout,
  type CallOptions,
  type Hooks,
  type Middleware,
} from '../src/index.ts';
import { url } from './support/http.ts';
import { reasonOf } from './support/promises.ts';

const transport = async (): Promise<Response> => new Response('fine');
const foreign: Middleware = (_ctx, next) => next();

const warn = vi.spyOn(console, 'warn');
beforeEach(() => void warn.mockReset().mockImplementation(() => {}));
afterEach(() => void warn.mockReset());
const warnings = (): unknown[] => warn.mock.calls.map(([message]) => message as unknown);

const unused: [string, CallOptions][] = [
  ['timeout', { timeout: 5_000 }],
  ['maxBody', { maxBody: 1_000 }],
  ['hedge', { hedge: { delay: 5 } }],
];
const used: [string, CallOptions, Middleware[]][] = [
  ['the policy is in the stack', { timeout: 5_000 }, [timeout({ headers: 1_000 })]],
  ['the policy is in the stack', { maxBody: 1_000 }, [maxBody(10)]],
  ['a middleware of the user may read it', { timeout: 5_000 }, [foreign]],
  ['it only switches a policy off', { timeout: false, retry: 0, hedge: false }, []],
  ['it is no policy', { requestId: 'order-42', priority: 'low' } as CallOptions, []],
];

describe('an option without its policy', () => {
  test.each(unused)('is refused by the client: %s', (name, options) => {
    const api = kyoa.create({ use: [retry()], fetch: transport });
    const expected = new RegExp(
      `^${name} is .*, but there is no ${name} in the stack: add ${name}\\(\\) or \\.\\.\\.standard`,
    );
    expect(() => api.get(url, options)).toThrow(
      expect.objectContaining({ code: 'INVALID_OPTION', message: expect.stringMatching(expected) }),
    );
  });

  test.each(unused)('is refused by a handler: %s', (name, options) => {
    const handle = createHandler({ use: [retry()] }, transport);
    expect(() => handle.with(options)).toThrow(new RegExp(`there is no ${name} in the stack`));
  });

  test.each(unused)('is reported once by a fetch, because it may be that of a library: %s', async (name, options) => {
    const fetch = createFetch({ use: [retry()], fetch: transport });
    for (let n = 0; n < 3; n += 1) expect((await fetch(url, options)).status).toBe(200);
    expect(warnings()).toEqual([`kyoa: add ${name}() to use, or set overrides: false`]);
    await createFetch({ fetch: transport })(url, options);
    expect(warnings()).toHaveLength(2);
  });

  test('is reported by the plain fetch of the client, too', async () => {
    await kyoa.create({ use: [retry()], fetch: transport }).fetch(url, { timeout: 5_000 });
    expect(warnings()).toHaveLength(1);
  });

  test('is reported if an earlier call has only switched it off', async () => {
    const fetch = createFetch({ fetch: transport });
    await fetch(url, { timeout: false });
    expect(warnings()).toEqual([]);
    await fetch(url, { timeout: 5_000 });
    expect(warnings()).toHaveLength(1);
  });

  test('is the library’s own with overrides: false, and reaches the transport', async () => {
    const received: unknown[] = [];
    const fetch = createFetch({
      overrides: false,
      fetch: async (_input, init) => (received.push((init as CallOptions).timeout), new Response()),
    });
    await fetch(url, { timeout: 5_000 });
    expect(received).toEqual([5_000]);
    expect(warnings()).toEqual([]);
  });
});

describe('an option is accepted without a word', () => {
  test.each(used)('if %s: %o', async (_, options, use) => {
    await createFetch({ use, fetch: transport })(url, options);
    await kyoa.create({ use, fetch: transport }).get(url, options);
    await createHandler({ use }, transport).with(options)(new Request(url));
    expect(warnings()).toEqual([]);
  });
});

describe('a limit that is no number', () => {
  test.each(['5s', undefined, true])('is refused with the unit: timeout(%j)', (value) => {
    expect(() => timeout(value as never)).toThrow(/^timeout .*must be/);
  });

  test('names the milliseconds', async () => {
    const message = 'timeout total must be a number of milliseconds above 0, got "5s"';
    expect(() => timeout('5s' as never)).toThrow(message);
    expect(() => standard({ timeout: '5s' as never })).toThrow(/^timeout/);
    const fetch = createFetch({ use: standard(), fetch: transport });
    expect(await reasonOf(fetch(url, { timeout: '5s' as never }))).toHaveProperty('message', message);
    const retries = await reasonOf(fetch(url, { retry: '3' as never }));
    expect(retries).toHaveProperty('message', 'retry retries must be a whole number of 0 or more, got "3"');
  });
});

describe('hooks that would never be called', () => {
  const hook = (): void => {};
  test.each([
    ['hooks has no option beforRequest; it has init, beforeRequest,', { beforRequest: [hook] }],
    ['hooks.beforeRequest must be a list, got function hook', { beforeRequest: hook }],
    ['hooks must be an object with any of init, beforeRequest,', [hook]],
  ])('are refused: %s', (message, hooks) => {
    const api = kyoa.create({ fetch: transport });
    for (const give of [
      () => kyoa.create({ hooks } as never),
      () => api.extend({ hooks } as never),
      () => api.extend({ hooks: replaceOption(hooks) } as never),
      () => api.get(url, { hooks } as never),
    ])
      expect(give).toThrow(
        expect.objectContaining({ code: 'INVALID_OPTION', message: expect.stringContaining(message) }),
      );
  });

  test('are accepted if they are undefined', async () => {
    const api = kyoa.create({ fetch: transport, hooks: { beforeRequest: undefined } });
    expect((await api.get(url, { hooks: undefined })).status).toBe(200);
  });
});

describe('ky’s beforeRetry', () => {
  const beforeRetry = [() => {}];
  const api = (hooks: object) => kyoa.create({ fetch: transport, hooks });

  test('is refused where it would never be called, and the message says what to write', () => {
    for (const call of [
      () => api({ beforeRetry }).get(url),
      () => kyoa.create({ fetch: transport }).get(url, { hooks: { beforeRetry } } as never),
    ])
      expect(call).toThrow(
        /^hooks\.beforeRetry is not called before a retry of kyoa: write observe\(.*retry\.scheduled.*when/,
      );
  });

  test('is reported once beside afterResponse, which may force a retry', async () => {
    const client = api({ beforeRetry, afterResponse: [() => {}] });
    await client.get(url);
    await client.get(url);
    expect(warnings()).toEqual([
      expect.stringMatching(
        /^kyoa: hooks\.beforeRetry is called only before a retry that ky\.retry\(\) forces: write observe/,
      ),
    ]);
  });

  test('is not in the type of the hooks', () => {
    // @ts-expect-error retries happen inside the hooks
    const hooks: Hooks = { beforeRetry };
    expect(hooks).toHaveProperty('beforeRetry');
  });

  test('is accepted if the list is empty', async () => {
    await api({ beforeRetry: [] }).get(url);
    expect(warnings()).toEqual([]);
  });
});
