import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { attemptRace, type Send } from '../../src/lib/attempt-race.ts';
import type { Outcome } from '../../src/lib/outcome.ts';
import { gcUntil } from '../support/sockets.ts';

const isBad = ({ response }: Outcome): boolean => response?.ok !== true;
const responds =
  (status: number): Send =>
  async () =>
    new Response(`status ${status}`, { status });
const fails =
  (error: unknown): Send =>
  async () => {
    throw error;
  };
const hangs: Send = (signal) =>
  new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
const race = (...sends: readonly Send[]) => {
  const race = attemptRace(new AbortController().signal, isBad);
  for (const send of sends) race.start(send);
  return race;
};

describe('attemptRace', () => {
  test('resolves to the good outcome and its copy, and keeps the outcomes of the other copies', async () => {
    const copies = race(hangs, responds(500), responds(200));
    const { copy, good, outcome } = await copies.result();
    expect([copy, good, outcome.response!.status]).toEqual([2, true, 200]);
    expect(copies.outcomes.map((outcome) => outcome?.response?.status)).toEqual([undefined, 500, 200]);
    expect(copies.isOver()).toBe(true);
  });

  test('does not end when a copy fails at once while another one is running', async () => {
    expect(await race(fails('no'), responds(200)).result()).toMatchObject({ copy: 1, good: true });
  });

  test.each([
    ['the first response, if there is one', [fails('one'), responds(503), responds(500)], 1],
    ['the first error, if there is no response', [fails('one'), fails('two')], 0],
  ])('resolves, when all copies have failed, to %s', async (_what, sends, copy) => {
    const copies = race(...sends);
    expect(await copies.result()).toEqual({ copy, good: false, outcome: copies.outcomes[copy] });
  });

  test('reports a failure, and waits for the copy that the policy then prepares', async () => {
    const copies = race(responds(503), fails('no'));
    expect(await copies.failure(Infinity)).toMatchObject({ response: { status: 503 } });
    await copies.unlessOver(Promise.resolve()); // meanwhile the other copy fails too
    expect(copies.isOver()).toBe(false);
    copies.start(responds(200));
    expect(await copies.result()).toMatchObject({ copy: 2, good: true });
  });

  test('ends a wait for a failure when it is woken, and goes on', async () => {
    const copies = race(hangs);
    const failure = copies.failure(Infinity);
    copies.wake();
    expect(await failure).toBeUndefined();
    expect(copies.isOver()).toBe(false);
    copies.start(responds(200));
    expect(await copies.result()).toMatchObject({ copy: 1, good: true });
  });

  test('sends nothing when the caller has aborted before it begins', async () => {
    let sent = 0;
    const copies = attemptRace(AbortSignal.abort('gone'), isBad);
    copies.start(async () => ((sent += 1), new Response()));
    expect(await copies.failure(Infinity)).toBeUndefined();
    expect(await copies.unlessOver(new Promise(() => {}))).toBeUndefined();
    await expect(copies.result()).rejects.toBe('gone');
    expect(sent).toBe(0);
  });

  test.each(['failure', 'result'] as const)(
    'ends at once with the caller’s abort while the policy waits for a %s, and sends nothing more',
    async (wait) => {
      let sent = 0;
      const caller = new AbortController();
      const signals: AbortSignal[] = [];
      const copies = attemptRace(caller.signal, isBad);
      copies.start(() => new Promise(() => {})); // it ignores its signal
      copies.start((signal) => (signals.push(signal), hangs(signal)));
      const waiting = wait === 'failure' ? copies.failure(Infinity).then(() => copies.result()) : copies.result();
      caller.abort('gone');
      copies.start(async () => ((sent += 1), new Response()));
      await expect(waiting).rejects.toBe('gone');
      expect([sent, signals[0]!.reason]).toEqual([0, 'gone']);
    },
  );

  test('aborts the copies that are running when the policy cancels it', async () => {
    const signals: AbortSignal[] = [];
    const copies = race((signal) => (signals.push(signal), hangs(signal)), responds(500));
    await copies.failure(Infinity);
    copies.cancel();
    expect([signals[0]!.aborted, copies.isOver(), copies.outcomes[1]!.response!.bodyUsed]).toEqual([true, true, true]);
    await expect(copies.result()).rejects.toThrow('Another copy');
  });

  test('rejects with the error of a judge that throws, and aborts the copies that are running', async () => {
    const oops = new RangeError('oops');
    const signals: AbortSignal[] = [];
    const copies = attemptRace(new AbortController().signal, () => {
      throw oops;
    });
    copies.start((signal) => (signals.push(signal), hangs(signal)));
    copies.start(responds(200));
    await expect(copies.result()).rejects.toBe(oops);
    expect(signals[0]!.aborted).toBe(true);
  });

  test('waits for work only as long as it is not over', async () => {
    const copies = race(hangs);
    expect(await copies.unlessOver(Promise.resolve('done'))).toBe('done');
    await expect(copies.unlessOver(Promise.reject(new RangeError('oops')))).rejects.toThrow('oops');
    const endless = copies.unlessOver(new Promise(() => {}));
    copies.start(responds(500));
    copies.start(responds(200));
    expect(await endless).toBeUndefined();
    expect(copies.isOver()).toBe(true);
  });

  test('leaves nothing registered on its parent but the signals of the copies', async () => {
    const { signal } = new AbortController();
    const added = vi.spyOn(signal, 'addEventListener');
    const removed = vi.spyOn(signal, 'removeEventListener');
    const copies = attemptRace(signal, isBad);
    for (const send of [hangs, responds(500), responds(200)]) copies.start(send);
    await copies.result();
    expect(added.mock.calls.length - removed.mock.calls.length).toBe(3);
  });

  test('lets an abandoned response be collected though its parent signal lives on', async () => {
    const caller = new AbortController();
    const call = (): Promise<WeakRef<Response>> => {
      const copies = attemptRace(caller.signal, isBad);
      copies.start(hangs);
      copies.start(responds(200));
      return copies.result().then(({ outcome }) => new WeakRef(outcome.response!));
    };
    const reference = await call();
    await gcUntil(() => reference.deref() === undefined);
    caller.abort();
  });
});

describe('the delay of attemptRace', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    expect(vi.getTimerCount()).toBe(0);
    vi.useRealTimers();
  });

  test('ends without a failure', async () => {
    const copies = race(hangs);
    const failure = copies.failure(50);
    await vi.advanceTimersByTimeAsync(50);
    expect(await failure).toBeUndefined();
    expect(copies.isOver()).toBe(false);
  });

  test.each([
    ['a failure', responds(500), false],
    ['the end of the race', responds(200), true],
  ])('ends early at %s, and leaves no timer', async (_what, send, over) => {
    const started = performance.now();
    const copies = race(hangs, send);
    await copies.failure(50);
    expect([performance.now() - started, copies.isOver()]).toEqual([0, over]);
    expect(vi.getTimerCount()).toBe(0);
  });

  test('does not begin again with a failure from before it', async () => {
    const copies = race(responds(503), responds(500), hangs);
    expect(await copies.failure(50)).toMatchObject({ response: { status: 503 } });
    await vi.advanceTimersByTimeAsync(0);
    const failure = copies.failure(50);
    await vi.advanceTimersByTimeAsync(50);
    expect(await failure).toBeUndefined();
  });

  test('ends after exactly its ms, and lets the event loop turn before the last of them', async () => {
    const copies = race(hangs);
    let over = false;
    void copies.failure(50).then(() => (over = true));
    await vi.advanceTimersByTimeAsync(49);
    expect([over, vi.getTimerCount()]).toEqual([false, 1]);
    await vi.advanceTimersByTimeAsync(1);
    expect(over).toBe(true);
  });

  test('of 0 ms ends as soon as the present code has ended', async () => {
    const failure = race(hangs).failure(0);
    await vi.advanceTimersByTimeAsync(0);
    expect(await failure).toBeUndefined();
  });
});
