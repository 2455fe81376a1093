import { readFileSync } from 'node:fs';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import {
  adaptive,
  breaker,
  budget,
  constant,
  createFetch,
  dedupe,
  endpoints,
  explain,
  fallback,
  hedge,
  idempotency,
  KyoaError,
  latest,
  limit,
  observe,
  retry,
  staleIfError,
  timeout,
  type CallOptions,
  type Fetch,
  type KyoaEvent,
  type Middleware,
} from '../../src/index.ts';
import { sentences } from '../../src/telemetry/sentences.ts';
import { networkError, responseOf } from '../support/http.ts';
import { root } from '../support/lanes.ts';
import { delayed, outcomeOf } from '../support/promises.ts';

const url = 'http://api.example/users';
const retries = (retries: number): Middleware =>
  retry({ retries, backoff: constant(143), random: () => 1, budget: false });

const refuseThird: Middleware = (ctx, next) =>
  ctx.attempt < 3 ? next() : Promise.reject(new KyoaError('LIMIT_EXCEEDED', 'try again later'));

/** A fetch whose lines are collected, over a transport that takes 41 ms for each of these. */
function explained(use: readonly Middleware[], responses: readonly (number | string)[]) {
  const lines: string[] = [];
  let sent = 0;
  const transport: Fetch = async () => {
    const next = responses[sent++] ?? responses.at(-1)!;
    await delayed(undefined, 41);
    if (typeof next === 'string') throw networkError(next);
    return responseOf(next);
  };
  const listener = observe(explain({ write: (line) => lines.push(line), color: false }));
  const fetch = createFetch({ use: [listener, ...use], fetch: transport });
  return { fetch, lines };
}

/** The lines of a call, and of what it calls, on a clock that runs on by itself. */
async function linesOf(
  use: readonly Middleware[],
  responses: readonly (number | string)[],
  init: RequestInit & CallOptions = {},
): Promise<readonly string[]> {
  const { fetch, lines } = explained(use, responses);
  await outcomeOf(fetch(url, init));
  return lines.map((line) => line.replace(/^#1 \w+ api\.example\/users: /, ''));
}

beforeEach(() => void vi.useFakeTimers({ shouldAdvanceTime: true, advanceTimeDelta: 1 }));
afterEach(() => vi.useRealTimers());

/** Timers of a busy machine are late: the digits of a duration are not compared. */
const rounded = (lines: readonly string[]): readonly string[] =>
  lines.map((line) => line.replace(/\b\d+(\.\d)? (ms|s)\b/g, 'T'));

describe('explain', () => {
  test('names the call, and says why it is retried and how it ended', async () => {
    const { fetch, lines } = explained([retries(3)], [503, 200]);
    await fetch(`${url}?token=hunter2&page=2`);
    expect(rounded(lines)).toEqual([
      '#1 GET api.example/users?token=REDACTED&page=2: 503 after T, retry 1 in T',
      '#1 GET api.example/users?token=REDACTED&page=2: 200 after 2 attempts in T',
    ]);
    expect(lines[0]).toMatch(/503 after \d\d+ ms, retry 1 in 143 ms$/);
  });

  test('numbers the calls', async () => {
    const { fetch, lines } = explained([], [200]);
    await Promise.all([fetch(url), fetch(url, { method: 'PUT' })]);
    expect(rounded(lines)).toEqual(['#1 GET api.example/users: 200 after T', '#2 PUT api.example/users: 200 after T']);
  });

  test.for<
    [string, readonly Middleware[], readonly (number | string)[], readonly string[], (RequestInit & CallOptions)?]
  >([
    [
      'a retry that is not made',
      [retries(1)],
      ['ECONNRESET'],
      [
        'ECONNRESET after T, retry 1 in T',
        'ECONNRESET after T, no further retry: all retries are used',
        'failed: ECONNRESET after 2 attempts in T',
      ],
    ],
    [
      'a copy',
      [hedge({ delay: 5, budget: false })],
      [200],
      ['copy 2 sent after T', 'the original won (copy 1)', '200 after 2 attempts in T'],
    ],
    [
      'a copy that is not sent',
      [hedge({ delay: 5, budget: budget({ ratio: 0, floor: 0 }) })],
      [200],
      ['no copy: the budget of copies is empty', '200 after T'],
    ],
    [
      'a limit',
      [timeout(20)],
      [200],
      ['no complete response within T (total)', 'failed: no complete response within T (total) after T'],
    ],
    [
      'a learned limit',
      [timeout({ headers: adaptive({ min: 10, initial: 20 }) })],
      [200],
      [
        'no response headers within T (headers, learned limit)',
        'failed: no response headers within T (headers) after T',
      ],
    ],
    [
      'limits of several attempts, whose number it says once',
      [retries(1), timeout({ headers: 20 })],
      [200],
      [
        'no response headers within T (headers)',
        'no response headers within T (headers), retry 1 in T',
        'no response headers within T (headers)',
        'no response headers within T (headers), no further retry: all retries are used',
        'failed: no response headers within T (headers) after 2 attempts in T',
      ],
    ],
    [
      'an error of kyoa after several attempts, whose number it says once',
      [retries(2), refuseThird],
      [503],
      ['503 after T, retry 1 in T', '503 after T, retry 2 in T', 'failed: try again later after 2 attempts in T'],
    ],
    [
      'an endpoint',
      [endpoints([{ url: 'http://eu.example', zone: 'eu' }])],
      [200],
      ['goes to http://eu.example (zone eu)', '200 after T'],
    ],
    [
      'an endpoint that is ejected',
      [
        endpoints([{ url: 'http://a.example' }, { url: 'http://b.example' }], {
          random: () => 0,
          eject: { failures: 1 },
        }),
      ],
      [503],
      ['goes to http://a.example', 'http://a.example is ejected for T', '503 after T'],
    ],
    ['a substitute', [fallback(() => ({ users: [] }))], [500], ['500, so the substitute is returned', '200 after T']],
  ])('says it of %s', async ([, use, responses, expected, init]) => {
    expect(rounded(await linesOf(use, responses, init))).toEqual(expected);
  });

  test('says it of a circuit', async () => {
    const { fetch, lines } = explained([breaker({ volume: 1, cooldown: 2_000 })], [500, 200]);
    await fetch(url);
    await outcomeOf(fetch(url));
    vi.advanceTimersByTime(3_000);
    await fetch(url);
    expect(rounded(lines).map((line) => line.replace(/GET api.example\/users/, 'GET'))).toEqual([
      '#1 GET: the circuit of http://api.example opens for T',
      '#1 GET: 500 after T',
      '#2 GET: refused: the circuit of http://api.example is open for another T',
      '#2 GET: failed: Too many calls to http://api.example have failed; try again in T, nothing was sent, after T',
      '#3 GET: is the probe of the circuit of http://api.example',
      '#3 GET: the circuit of http://api.example is closed again',
      '#3 GET: 200 after T',
    ]);
  });

  test('says it of calls that wait, share a request or replace each other', async () => {
    const queued = explained([limit({ concurrency: 1 })], [200]);
    await Promise.all([1, 2].map(async () => (await queued.fetch(url)).text()));
    const shared = explained([dedupe()], [200]);
    await Promise.all([shared.fetch(url), shared.fetch(url)]);
    const replaced = explained([latest({ key: () => 'search' })], [200]);
    await Promise.all([outcomeOf(replaced.fetch(url)), replaced.fetch(url)]);
    const lines = [queued, shared, replaced].map(({ lines }) =>
      rounded(lines).map((line) => line.replace(/ \S+ \S+ /, ' ')),
    );
    expect(lines).toEqual([
      [
        '#2 waits for a permit of http://api.example, 0 ahead',
        '#1 200 after T',
        '#2 sent after T in the queue',
        '#2 200 after T',
      ],
      ['#2 shares the request of another call', '#1 200 after T', '#2 200, nothing was sent, after T'],
      ['#1 replaced by a newer call', '#1 aborted after T', '#2 200 after T'],
    ]);
  });

  test('says it of a stored response', async () => {
    const replayed = explained([idempotency()], [201]);
    for (let n = 0; n < 2; n += 1) await (await replayed.fetch(url, { method: 'POST', requestId: 'order-42' })).text();
    const stale = explained([staleIfError()], [200, 500]);
    for (let n = 0; n < 2; n += 1) {
      await (await stale.fetch(url)).text();
      await vi.advanceTimersByTimeAsync(50);
    }
    expect(rounded(replayed.lines).slice(1)).toEqual([
      '#2 POST api.example/users: the stored response of the key order-42 is returned',
      '#2 POST api.example/users: 201, nothing was sent, after T',
    ]);
    expect(rounded(stale.lines)[1]).toBe('#2 GET api.example/users: 500, so the stored response is returned, T old');
  });

  test('gives concurrent calls with one requestId one number', async () => {
    const { fetch, lines } = explained([], [200]);
    await Promise.all([1, 2].map(() => fetch(url, { requestId: 'order-42' })));
    await fetch(url, { requestId: 'order-42' });
    expect(lines.map((line) => line.slice(0, 2))).toEqual(['#1', '#1', '#2']);
  });

  test('names the call of a body that fails later', async () => {
    const lines: string[] = [];
    const fetch = createFetch({
      use: [observe(explain({ write: (line) => lines.push(line), color: false })), timeout({ idle: 30 })],
      fetch: async () => new Response(new ReadableStream()),
    });
    await outcomeOf((await fetch(url)).text());
    expect(rounded(lines)[1]).toBe('#1 GET api.example/users: no next chunk of the body within T (idle)');
  });

  test('writes the type of an event of the user’s own, and a code or a redacted message for an error', async () => {
    const own: Middleware = (ctx, next) => (ctx.emit({ type: 'cache.missed' }), next());
    expect((await linesOf([own], [200]))[0]).toBe('cache.missed');
    const inherited: Middleware = (ctx, next) => (ctx.emit({ type: 'toString' as 'cache.missed' }), next());
    expect((await linesOf([inherited], [200]))[0]).toBe('toString');
    const { lines, fetch } = explained([() => Promise.reject(new Error('no http://a:hunter2@b.example'))], []);
    await outcomeOf(fetch(url));
    expect(lines[0]).toContain('failed: no http://REDACTED:REDACTED@b.example');
  });

  test('writes one line for a text of several, without what a terminal would obey', async () => {
    const text = 'first\r\nsecond\u001b[2J\u0085third\u2028fourth';
    const own: Middleware = (ctx, next) => (ctx.emit({ type: `cache.missed\n${text}` as 'cache.missed' }), next());
    const { lines, fetch } = explained([own, () => Promise.reject(new Error(text))], []);
    await outcomeOf(fetch(url));
    explain({ write: (line) => lines.push(line), color: false })({ type: 'dedupe.joined', id: 'a\nb', time: 0 });
    expect(rounded(lines)).toEqual([
      '#1 GET api.example/users: cache.missed first second [2J third fourth',
      '#1 GET api.example/users: failed: first second [2J third fourth, nothing was sent, after T',
      'a b: shares the request of another call',
    ]);
  });

  test('affects no call if `write` throws or rejects, and reports it once', async () => {
    const errors = vi.spyOn(console, 'error').mockImplementation(() => {});
    const rejecting = async (): Promise<void> => Promise.reject(new Error('the disk is full'));
    const throwing = (): void => expect.unreachable();
    for (const write of [rejecting, throwing]) {
      const fetch = createFetch({ use: [observe(explain({ write }))], fetch: async () => responseOf(200) });
      for (let n = 0; n < 3; n += 1) expect((await fetch(url)).status).toBe(200);
    }
    const messages = errors.mock.calls.map(([message]) => message as unknown);
    errors.mockRestore();
    expect(messages).toEqual(['kyoa: write of explain() threw', 'kyoa: write of explain() threw']);
  });

  test('has a sentence for each event that is a decision', () => {
    const source = readFileSync(join(root, 'src/core/events.ts'), 'utf8');
    const types = Array.from(source.matchAll(/readonly type:(( '[\w.-]+'( \|)?)+)/g), ([, names]) =>
      names!.match(/[\w.-]+/g)!,
    ).flat();
    expect(types.length).toBeGreaterThan(25);
    const others = ['request.started', 'request.settled', 'attempt.sent', 'attempt.answered', 'attempt.failed'];
    expect(Object.keys(sentences).toSorted()).toEqual(types.filter((type) => !others.includes(type)).toSorted());
  });

  test('remembers 1,000 calls at most, also of those that never end', async () => {
    const lines: string[] = [];
    const listener = explain({ write: (line) => lines.push(line), color: false });
    const event = (type: string, id: number): KyoaEvent =>
      ({ type, id: String(id), method: 'GET', url, time: 0 }) as never;
    for (let id = 1; id <= 1_001; id += 1) listener(event('request.started', id));
    for (const id of [1, 2]) listener(event('dedupe.joined', id));
    expect(lines).toEqual([
      '1: shares the request of another call',
      '#2 GET api.example/users: shares the request of another call',
    ]);
  });

  test('refuses options that it does not have', () => {
    expect(() => explain({ colour: true } as never)).toThrow(expect.objectContaining({ code: 'INVALID_OPTION' }));
    expect(() => explain({ write: 'stderr' } as never)).toThrow(/explain write must be a function/);
  });
});

describe('the colours of explain', () => {
  const script = `
    import { createFetch, explain, observe } from '${join(root, 'src/index.ts')}';
    if (process.argv[1] === 'terminal') process.stdout.isTTY = true;
    await createFetch({ use: [observe(explain())], fetch: async () => new Response() })('http://api.example/');`;
  const output = (terminal: string, env: Record<string, string>): string =>
    spawnSync(process.execPath, ['--input-type=module', '-e', script, terminal], {
      encoding: 'utf8',
      env: { ...process.env, NO_COLOR: '', ...env },
    }).stdout;

  test('are written to a terminal, and not to a file or with NO_COLOR', () => {
    const colored = output('terminal', {})
      .replaceAll('\u001b', '<ESC>')
      .replace(/\d+ ms/, 'T');
    expect(colored).toBe('<ESC>[2m#1<ESC>[0m GET api.example/: <ESC>[32m200 after T<ESC>[0m\n');
    for (const plain of [output('file', {}), output('terminal', { NO_COLOR: '1' })])
      expect(plain).toMatch(/^#1 GET api\.example\/: 200 after \d+ ms\n$/);
  });
});

describe('the groups of explain', () => {
  const methods = ['groupCollapsed', 'log', 'groupEnd'] as const;
  const written: string[] = [];
  beforeEach(() => {
    written.length = 0;
    for (const method of methods)
      vi.spyOn(console, method).mockImplementation(
        (text = '') => void written.push(rounded([`${method} ${text}`])[0]!),
      );
  });
  afterEach(() => vi.restoreAllMocks());
  const grouped = (fetch: Fetch) =>
    createFetch({ use: [observe(explain({ groups: true, color: false })), retries(2)], fetch });

  test('hold the lines of one call, which are written when it has settled', async () => {
    const statuses = [503, 200, 200];
    const fetch = grouped(async () => responseOf(statuses.shift()!));
    await Promise.all([fetch(url), fetch(url)]);
    expect(written).toEqual([
      'log #2 GET api.example/users: 200 after T',
      'groupCollapsed #1 GET api.example/users: 200 after 2 attempts in T',
      'log #1 GET api.example/users: 503 after T, retry 1 in T',
      'log #1 GET api.example/users: 200 after 2 attempts in T',
      'groupEnd ',
    ]);
  });

  test('do not hold what happens after the call has settled', async () => {
    const fetch = createFetch({
      use: [observe(explain({ groups: true, color: false })), timeout({ idle: 30 })],
      fetch: async () => new Response(new ReadableStream()),
    });
    await outcomeOf((await fetch(url)).text());
    expect(written.at(-1)).toBe('log #1 GET api.example/users: no next chunk of the body within T (idle)');
  });

  test('are bounded, for a call that is retried for ever', async () => {
    const listener = explain({ groups: true, color: false });
    const event = (type: string, facts: object = {}): KyoaEvent =>
      ({ type, id: 'x', method: 'GET', url, time: 0, ...facts }) as never;
    listener(event('request.started'));
    for (let n = 0; n < 1_000; n += 1) listener(event('dedupe.joined'));
    listener(event('request.settled', { status: 200, duration: 1, attempts: 9 }));
    expect(written).toHaveLength(103);
    expect(written.at(-2)).toContain('200 after 9 attempts');
  });

  test('are not waited for: a call that does not settle is written when it is forgotten', () => {
    const listener = explain({ groups: true, color: false });
    const event = (type: string, id: number): KyoaEvent =>
      ({ type, id: String(id), method: 'GET', url, time: 0 }) as never;
    listener(event('request.started', 0));
    for (const type of ['dedupe.joined', 'latest.replaced']) listener(event(type, 0));
    for (let id = 1; id <= 1_000; id += 1) listener(event('request.started', id));
    expect(written[0]).toBe('groupCollapsed #1 GET api.example/users: has not settled yet');
    expect(written).toHaveLength(4);
  });

  test('are not used with a `write` of one’s own', async () => {
    vi.stubGlobal('document', {});
    const { fetch, lines } = explained([retries(1)], [503, 200]);
    await fetch(url);
    vi.unstubAllGlobals();
    expect(lines).toHaveLength(2);
    expect(written).toEqual([]);
  });
});
