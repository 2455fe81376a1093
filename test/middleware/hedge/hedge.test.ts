import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { budget, createFetch, hedge, timeout, type KyoaEvent } from '../../../src/index.ts';
import { deaf, silent, watched } from '../../support/call.ts';
import { networkError, url } from '../../support/http.ts';
import { delayed, reasonOf } from '../../support/promises.ts';
import { endlessUpload } from '../../support/upload.ts';
import { run, scripted, type Step } from './script.ts';

describe('hedge', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    expect(vi.getTimerCount()).toBe(0);
    vi.useRealTimers();
  });

  test('sends a copy after the delay, returns the first good response and aborts the other copy', async () => {
    const { outcome, sent, facts } = run({ delay: 50 }, [{ ms: 1_000 }, { ms: 30 }]);
    await vi.runAllTimersAsync();
    expect(await outcome).toEqual({ status: 200, text: 'copy 2', ms: 80 });
    expect(sent.map(({ at }) => at - sent[0]!.at)).toEqual([0, 50]);
    expect(sent.map(({ signal }) => signal.aborted)).toEqual([true, false]);
    expect(sent[0]!.signal.reason).toMatchObject({ name: 'AbortError' });
    expect(facts()).toEqual([
      { type: 'hedge.launched', copy: 2, delay: 50 },
      { type: 'hedge.won', copy: 2 },
    ]);
  });

  test('aborts the copy when the original wins', async () => {
    const { outcome, sent, facts } = run({ delay: 50 }, [{ ms: 60 }, { ms: 30 }]);
    await vi.runAllTimersAsync();
    expect(await outcome).toMatchObject({ text: 'copy 1', ms: 60 });
    expect(sent.map(({ signal }) => signal.aborted)).toEqual([false, true]);
    expect(facts().at(-1)).toEqual({ type: 'hedge.won', copy: 1 });
  });

  test('sends no copy, emits no event and leaves no timer when the response arrives before the delay', async () => {
    const { outcome, sent, facts } = run({ delay: 50 }, [{ ms: 49 }]);
    await vi.advanceTimersByTimeAsync(49);
    expect(vi.getTimerCount()).toBe(0);
    expect(await outcome).toMatchObject({ text: 'copy 1' });
    expect([sent.length, facts()]).toEqual([1, []]);
  });

  test('sends further copies, one after each delay, and numbers them', async () => {
    const { outcome, sent, events } = run({ delay: 10, hedges: 3 }, [
      { ms: 500 },
      { ms: 500 },
      { ms: 15 },
      { ms: 500 },
    ]);
    await vi.runAllTimersAsync();
    expect(await outcome).toMatchObject({ text: 'copy 3', ms: 35 });
    expect(sent.map(({ at }) => at - sent[0]!.at)).toEqual([0, 10, 20, 30]);
    expect(events.flatMap((event) => (event.type === 'attempt.sent' ? [event.attempt] : []))).toEqual([1, 2, 3, 4]);
    expect(sent.map(({ signal }) => signal.aborted)).toEqual([true, true, false, true]);
  });

  test('sends all copies at once with a delay of 0', async () => {
    const { outcome, sent } = run({ delay: 0, hedges: 2 }, [{ ms: 500 }, { ms: 9 }, { ms: 500 }]);
    await vi.runAllTimersAsync();
    expect(await outcome).toMatchObject({ text: 'copy 2', ms: expect.closeTo(9, -1) as number });
    expect(sent).toHaveLength(3);
  });

  test.each([
    ['a 503', { status: 503 }],
    ['a 500', { status: 500 }],
    ['a 429', { status: 429 }],
    ['a network error', { error: networkError('ECONNRESET') }],
    ['a programming error', { error: new RangeError('oops') }],
  ])('does not return %s while another copy is running', async (_what, bad) => {
    for (const steps of [
      [{ ms: 200 }, { ms: 5, ...bad }],
      [{ ms: 60, ...bad }, { ms: 150 }],
    ]) {
      const { outcome } = run({ delay: 50 }, steps);
      await vi.runAllTimersAsync();
      expect(await outcome).toMatchObject({ status: 200, ms: 200 });
    }
  });

  test.each([200, 204, 304, 401, 404])('returns a %i of the copy, which is not a failure', async (status) => {
    const { transport } = scripted({ ms: 500 }, { ms: 5 });
    const { fetch } = watched([hedge({ delay: 50 })], async (input, init) => {
      await transport(input, init);
      return new Response(null, { status });
    });
    const pending = fetch(url);
    await vi.runAllTimersAsync();
    expect((await pending).status).toBe(status);
  });

  test.each([
    ['a 503', { status: 503 }],
    ['a connection reset', { error: networkError('ECONNRESET') }],
    ['a 503 that asks for no pause', { status: 503, headers: { 'retry-after': '0' } }],
  ])('sends the copy at once when the original fails before the delay with %s', async (_what, bad) => {
    const { outcome, sent, facts } = run({ delay: 5_000 }, [{ ms: 20, ...bad }, { ms: 30 }]);
    await vi.runAllTimersAsync();
    expect(await outcome).toMatchObject({ text: 'copy 2', ms: 50 });
    expect(sent).toHaveLength(2);
    expect(facts()[0]).toEqual({ type: 'hedge.launched', copy: 2, delay: 20 });
  });

  test('sends no copy after an error that befalls every copy, nor after a response that asks for a pause', async () => {
    const error = new TypeError('x is not a function');
    for (const [bad, reason] of [
      [{ error }, undefined],
      [{ status: 429 }, 'retry-after'],
      [{ status: 503, headers: { 'retry-after': '1' } }, 'retry-after'],
    ] as const) {
      const { outcome, sent, facts } = run({ delay: 50, hedges: 2 }, [{ ms: 20, ...bad }]);
      await vi.runAllTimersAsync();
      expect(await outcome).toEqual(
        'error' in bad ? { error, ms: 20 } : { status: bad.status, text: 'copy 1', ms: 20 },
      );
      expect(sent).toHaveLength(1);
      expect(facts()).toEqual(reason === undefined ? [] : [{ type: 'hedge.suppressed', reason }]);
    }
  });

  test('returns, if all copies fail, a response rather than an error, and the original’s outcome rather than a copy’s', async () => {
    const [one, two] = [networkError('ECONNREFUSED'), networkError('ECONNRESET')];
    const table: readonly [readonly Step[], object][] = [
      [
        [
          { ms: 60, status: 503 },
          { ms: 100, status: 500 },
        ],
        { status: 503, text: 'copy 1' },
      ],
      [
        [
          { ms: 100, status: 503 },
          { ms: 20, status: 500 },
        ],
        { status: 503, text: 'copy 1' },
      ],
      [
        [
          { ms: 60, error: one },
          { ms: 100, status: 500 },
        ],
        { status: 500, text: 'copy 2' },
      ],
      [
        [
          { ms: 60, status: 502 },
          { ms: 10, error: two },
        ],
        { status: 502, text: 'copy 1' },
      ],
      [
        [
          { ms: 60, error: one },
          { ms: 100, error: two },
        ],
        { error: one },
      ],
      [
        [
          { ms: 100, error: one },
          { ms: 10, error: two },
        ],
        { error: one },
      ],
      [
        [
          { ms: 10, error: one },
          { ms: 10, error: two },
        ],
        { error: one },
      ],
    ];
    for (const [steps, expected] of table) {
      const { outcome, facts } = run({ delay: 50 }, steps);
      await vi.runAllTimersAsync();
      expect(await outcome).toMatchObject(expected);
      expect(facts().filter((fact) => (fact as KyoaEvent).type === 'hedge.won')).toEqual([]);
    }
  });

  test('does not wait for a body that is still being recorded for the copy', async () => {
    for (const [steps, expected] of [
      [[{ ms: 100 }], { text: 'copy 1', ms: 100 }],
      [[{ ms: 100, status: 503 }], { status: 503, ms: 100 }],
    ] as const) {
      const { request } = endlessUpload();
      const { transport, sent } = scripted(...steps);
      const { fetch, events } = watched([hedge({ delay: 50, methods: ['PUT'] })], transport);
      const started = performance.now();
      const leaving = new AbortController();
      const outcome = fetch(request, { signal: leaving.signal }).then(
        async (response) => ({
          status: response.status,
          text: await response.text(),
          ms: performance.now() - started,
        }),
        (error: unknown) => ({ error }),
      );
      await vi.advanceTimersByTimeAsync(1_000);
      leaving.abort('gone');
      await vi.runAllTimersAsync();
      expect(await outcome).toMatchObject('text' in expected ? expected : { error: 'gone' });
      expect(events.filter(({ type }) => type.startsWith('hedge.'))).toEqual([]);
      expect(sent).toHaveLength(1);
    }
  });

  test('judges outcomes by `when`', async () => {
    const when = ({ response }: { response?: Response }): boolean => response?.status === 404;
    const { outcome } = run({ delay: 50, when }, [
      { ms: 60, status: 404 },
      { ms: 100, status: 500 },
    ]);
    await vi.runAllTimersAsync();
    expect(await outcome).toMatchObject({ status: 500, text: 'copy 2' });
  });

  test('rejects with the error of a `when` that throws, and leaves nothing running', async () => {
    const oops = new RangeError('oops');
    const { outcome, sent } = run(
      {
        delay: 50,
        when: () => {
          throw oops;
        },
      },
      [{ ms: 60 }, { ms: 100 }],
    );
    await vi.runAllTimersAsync();
    expect(await outcome).toMatchObject({ error: oops });
    expect(sent[1]!.signal.aborted).toBe(true);
  });

  test('stops the recording of the body when it is over', async () => {
    const { request, bytesRead } = endlessUpload();
    const { fetch } = watched([hedge({ delay: 50, methods: ['PUT'] })], scripted({ ms: 100 }).transport);
    const response = fetch(request);
    await vi.advanceTimersByTimeAsync(200);
    await response;
    const before = bytesRead();
    await vi.advanceTimersByTimeAsync(1_000);
    expect(bytesRead()).toBe(before);
  });

  test('rejects with the error of a budget that throws, and aborts the original', async () => {
    const oops = new RangeError('oops');
    const withdraw = (): never => {
      throw oops;
    };
    const { outcome, sent } = run({ delay: 50, budget: { deposit() {}, withdraw, balance: 1 } }, [{ ms: 1_000 }]);
    await vi.runAllTimersAsync();
    expect(await outcome).toEqual({ error: oops, ms: 50 });
    expect(sent[0]!.signal.aborted).toBe(true);
  });

  test('sends no copy after the caller’s abort, and aborts all copies with the caller’s reason', async () => {
    for (const [at, copies] of [
      [10, 1],
      [60, 2],
    ] as const) {
      const leaving = new AbortController();
      const reason = { why: `at ${at}` };
      const { outcome, sent } = run({ delay: 50, hedges: 5 }, [{ ms: 1_000 }], { signal: leaving.signal });
      await vi.advanceTimersByTimeAsync(at);
      leaving.abort(reason);
      await vi.advanceTimersByTimeAsync(0);
      expect(vi.getTimerCount()).toBe(0);
      expect(await outcome).toEqual({ error: reason, ms: at });
      expect(sent.map(({ signal }) => signal.reason)).toEqual(Array.from({ length: copies }, () => reason));
    }
  });

  test('ends with a limit outside it, also when the transport ignores its signal', async () => {
    for (const transport of [silent, deaf]) {
      const { fetch, events } = watched([timeout(120), hedge({ delay: 50 })], transport);
      const error = reasonOf(fetch(url));
      await vi.runAllTimersAsync();
      expect(await error).toMatchObject({ name: 'TimeoutError', phase: 'total' });
      expect(events.filter(({ type }) => type === 'attempt.sent')).toHaveLength(2);
    }
  });

  test('sends no copy when the budget is exhausted, and leaves the original alone', async () => {
    const none = budget({ ratio: 0, floor: 0 });
    const { outcome, sent, facts } = run({ delay: 50, hedges: 3, budget: none }, [{ ms: 500 }]);
    await vi.runAllTimersAsync();
    expect(await outcome).toEqual({ status: 200, text: 'copy 1', ms: 500 });
    expect(sent).toHaveLength(1);
    expect(facts()).toEqual([{ type: 'hedge.suppressed', reason: 'budget' }]);
  });

  describe('with an exhausted budget', () => {
    const waiting = [{ type: 'hedge.suppressed', reason: 'budget' }];

    test('sends the copy when a further call makes a deposit', async () => {
      const purse = budget({ ratio: 0.5, floor: 0 });
      purse.deposit();
      const { outcome, sent, facts } = run({ delay: 50, budget: purse }, [{ ms: 5_000 }, { ms: 30 }]);
      expect(purse.withdraw()).toBe(true);
      await vi.advanceTimersByTimeAsync(400);
      expect([sent.length, facts()]).toEqual([1, []]);
      purse.deposit();
      purse.deposit();
      await vi.runAllTimersAsync();
      expect(await outcome).toMatchObject({ text: 'copy 2', ms: 430 });
      expect(facts()).toEqual([
        { type: 'hedge.launched', copy: 2, delay: 400 },
        { type: 'hedge.won', copy: 2 },
      ]);
      expect(purse.balance).toBe(0);
    });

    test('sends the copy when the floor grants it', async () => {
      const purse = budget({ ratio: 0, floor: 1, window: 1_000 });
      expect(purse.withdraw()).toBe(true);
      const { outcome } = run({ delay: 50, budget: purse }, [{ ms: 60_000 }, { ms: 30 }]);
      await vi.runAllTimersAsync();
      const { ms } = await outcome;
      expect(ms).toBeGreaterThan(900);
      expect(ms).toBeLessThan(1_100);
    });

    test('lets the calls that wait have their copies in the order of waiting', async () => {
      const purse = budget({ ratio: 0.25, floor: 0 });
      const calls = [1, 2, 3].map(() => run({ delay: 50, budget: purse }, [{ ms: 9_000 }]));
      await vi.advanceTimersByTimeAsync(60);
      const sent: number[][] = [];
      for (let further = 1; further <= 9; further += 1) {
        purse.deposit();
        await vi.advanceTimersByTimeAsync(1);
        sent.push(calls.map(({ sent }) => sent.length));
      }
      expect(sent.filter((_, index) => index % 4 === 0)).toEqual([
        [2, 1, 1],
        [2, 2, 1],
        [2, 2, 2],
      ]);
      expect(sent.filter((_, index) => index % 4 === 3)).toEqual([
        [2, 1, 1],
        [2, 2, 1],
      ]);
      await vi.runAllTimersAsync();
    });

    test('ends the wait with the call: won, aborted or failed', async () => {
      const purse = budget({ ratio: 1, floor: 0 });
      const caller = new AbortController();
      const calls = [
        run({ delay: 50, budget: purse }, [{ ms: 80 }]),
        run({ delay: 50, budget: purse }, [{ ms: 5_000 }], { signal: caller.signal }),
        run({ delay: 50, budget: purse }, [{ ms: 90, status: 503 }]),
        run({ delay: 50, budget: purse }, [{ ms: 90, error: networkError('ECONNRESET') }]),
      ];
      while (purse.withdraw());
      setTimeout(() => caller.abort('enough'), 70);
      await vi.advanceTimersByTimeAsync(100);
      expect(await Promise.all(calls.map(({ outcome }) => outcome))).toMatchObject([
        { status: 200, ms: 80 },
        { error: 'enough', ms: 70 },
        { status: 503, ms: 90 },
        { error: { cause: { code: 'ECONNRESET' } }, ms: 90 },
      ]);
      for (const { sent, facts } of calls) expect([sent.length, facts()]).toEqual([1, waiting]);
      expect(vi.getTimerCount()).toBe(0);
      purse.deposit();
      expect(purse.balance).toBe(1);
    });

    test('sends no copy if the budget has no line to wait in', async () => {
      const own = { deposit() {}, withdraw: () => false, balance: 0 };
      const { outcome, sent, facts } = run({ delay: 50, budget: own }, [{ ms: 500 }]);
      await vi.runAllTimersAsync();
      expect(await outcome).toMatchObject({ text: 'copy 1', ms: 500 });
      expect([sent.length, facts()]).toEqual([1, waiting]);
    });
  });

  test('has a budget of its own: the ratio, a quarter more for chance, and a reserve of ten in ten seconds', async () => {
    const { transport, sent } = scripted({ ms: 100 });
    const fetch = createFetch({ use: [hedge({ ratio: 0.1, delay: 50 })], fetch: transport });
    const calls = Array.from({ length: 200 }, () => fetch(url));
    await vi.runAllTimersAsync();
    await Promise.all(calls);
    expect(sent).toHaveLength(200 + 25 + 10);
  });

  test('can be overridden for a call, which shares its budget unless that is overridden too', async () => {
    const { transport, sent } = scripted({ ms: 100 });
    const fetch = createFetch({
      use: [hedge({ delay: 50, budget: budget({ ratio: 0, floor: 0.1 }) })],
      fetch: transport,
    });
    for (const [override, copies] of [
      [{ hedges: 2 }, 2],
      [{ hedges: 2 }, 1],
      [0.5, 1],
      [{ budget: false }, 2],
      [{ delay: 200, budget: false }, 1],
      [false, 1],
      [true, 1],
    ] as const) {
      sent.length = 0;
      const pending = fetch(url, { hedge: override });
      await vi.runAllTimersAsync();
      await pending;
      expect([override, sent.length]).toEqual([override, copies]);
    }
  });

  test('copies requests with a safe method only, unless another method is listed', async () => {
    for (const method of ['GET', 'HEAD', 'OPTIONS', 'QUERY', 'PUT', 'DELETE', 'POST', 'PATCH']) {
      for (const listed of [false, true]) {
        const init = { method, headers: { 'Idempotency-Key': 'k' } };
        const { outcome, sent } = run({ delay: 50, ...(listed && { methods: [method] }) }, [{ ms: 100 }], init);
        await vi.runAllTimersAsync();
        await outcome;
        const copied = listed || ['GET', 'HEAD', 'OPTIONS', 'QUERY'].includes(method);
        expect([method, listed, sent.length]).toEqual([method, listed, copied ? 2 : 1]);
      }
    }
  });

  test('reads the body of a loser that responds in spite of its abort', async () => {
    const late = new Response('late');
    const { fetch } = watched([hedge({ delay: 50 })], async () => {
      count += 1;
      const copy = count;
      await delayed(undefined, copy === 1 ? 300 : 10);
      return copy === 1 ? late : new Response('good');
    });
    let count = 0;
    const pending = fetch(url);
    await vi.runAllTimersAsync();
    expect(await (await pending).text()).toBe('good');
    expect(late.bodyUsed).toBe(true);
  });

  test('sends a further copy after a failure that another copy may mend, even if one copy failed for good', async () => {
    const steps = [{ ms: 60, error: networkError('ECONNREFUSED') }, { ms: 1, error: new Error('a bug') }, { ms: 1 }];
    const { outcome, sent } = run({ delay: 20, hedges: 2, budget: false }, steps);
    await vi.runAllTimersAsync();
    expect(await outcome).toMatchObject({ status: 200, text: 'copy 3' });
    expect(sent.map(({ at }) => at - sent[0]!.at)).toEqual([0, 20, 60]);
  });

  test('sends no copy after all copies failed for good', async () => {
    const { outcome, sent } = run({ delay: 20, hedges: 2, budget: false }, [{ ms: 1, error: new Error('a bug') }]);
    await vi.runAllTimersAsync();
    expect(await outcome).toMatchObject({ error: expect.objectContaining({ message: 'a bug' }) });
    expect(sent).toHaveLength(1);
  });

  test.each([
    ['hedge ratio must be a number from 0 to 1, got 5', () => hedge({ ratio: 5 })],
    ['hedge hedges must be a whole number of 0 or more, got 0.5', () => hedge({ hedges: 0.5 })],
    ['hedge delay must be a number of milliseconds, 0 or more, got -1', () => hedge({ delay: -1 })],
    ['hedge methods must be a list, got "GET"', () => hedge({ methods: 'GET' as never })],
    ['hedge key must be a function', () => hedge({ key: 'GET' as never })],
    ['hedge has no option after; it has ratio, hedges', () => hedge({ after: 3 } as never)],
    ['hedge budget must be budget({ ... }) or false, got 3', () => hedge({ budget: 3 as never })],
  ])('refuses invalid options: %s', (message, build) => {
    expect(build).toThrow(
      expect.objectContaining({ code: 'INVALID_OPTION', message: expect.stringContaining(message) }),
    );
  });
});
