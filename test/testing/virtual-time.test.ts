/** Virtual time without the help of a test runner: this file does not use vitest's fake timers. */
import kyoa, { createFetch, isTimeoutError, retry, timeout } from 'kyoa';
import { script, virtualTime } from 'kyoa/testing';
import { describe, expect, test, vi } from 'vitest';

const url = 'https://api.example.com/';

describe('virtualTime', () => {
  test('runs timers in order, each after the work that the one before it started has settled', async () => {
    using time = virtualTime();
    const ran: string[] = [];
    setTimeout(() => ran.push('late'), 2_000);
    setTimeout((name: string) => ran.push(name), 1_000, 'early');
    setTimeout(async () => {
      ran.push('middle');
      await new Response('body').text();
      setTimeout(() => ran.push(`started at ${time.elapsed}`), 100);
    }, 1_500);
    await time.advance(999);
    expect(ran).toEqual([]);
    await time.advance(1_001);
    expect(ran).toEqual(['early', 'middle', 'started at 1600', 'late']);
    expect(time.elapsed).toBe(2_000);
  });

  test('moves Date and performance.now()', async () => {
    const before = Date.now();
    using time = virtualTime();
    const [unix, monotonic] = [Date.now(), performance.now()];
    expect(unix - before).toBeLessThan(1_000);
    await time.advance(86_400_000);
    expect(Date.now() - unix).toBe(86_400_000);
    expect(performance.now() - monotonic).toBe(86_400_000);
    expect(new Date()).toBeInstanceOf(Date);
    expect(new Date().getTime()).toBe(Date.now());
    expect(new Date(0).toISOString()).toBe('1970-01-01T00:00:00.000Z');
    expect(Date()).toBe(new Date().toString());
  });

  test('repeats an interval until it is cleared, and restarts a refreshed timer', async () => {
    using time = virtualTime();
    const tick = vi.fn();
    const interval = setInterval(tick, 100);
    await time.advance(350);
    expect(tick).toHaveBeenCalledTimes(3);
    clearInterval(interval);
    const fire = vi.fn();
    const timer = setTimeout(fire, 100) as unknown as NodeJS.Timeout;
    await time.advance(80);
    expect(timer.refresh().unref().hasRef()).toBe(true);
    await time.advance(80);
    expect(fire).not.toHaveBeenCalled();
    await time.advance(20);
    expect(fire).toHaveBeenCalledOnce();
    clearTimeout(timer);
    expect(tick).toHaveBeenCalledTimes(3);
  });

  test('aborts AbortSignal.timeout() with the reason of the platform', async () => {
    using time = virtualTime();
    const signal = AbortSignal.timeout(5_000);
    await time.advance(4_999);
    expect(signal.aborted).toBe(false);
    await time.advance(1);
    expect(isTimeoutError(signal.reason)).toBe(true);
  });

  test('restores every clock, and leaves earlier timers alone', async () => {
    const names = ['setTimeout', 'setInterval', 'clearTimeout', 'clearInterval', 'Date'] as const;
    const members = (): unknown[] => [
      ...names.map((name) => globalThis[name]),
      Reflect.get(performance, 'now'),
      Reflect.get(AbortSignal, 'timeout'),
    ];
    const originals = members();
    const real = new Promise((resolve) => setTimeout(resolve, 1, 'real'));
    const cleared = vi.fn();
    const handle = setTimeout(cleared, 5);
    const time = virtualTime();
    clearTimeout(handle);
    expect(virtualTime).toThrow('Virtual time is active already');
    setTimeout(cleared, 1);
    time.restore();
    time.restore();
    expect(members()).toEqual(originals);
    expect(await real).toBe('real');
    await new Promise((resolve) => setTimeout(resolve, 10));
    expect(cleared).not.toHaveBeenCalled();
  });

  test('throws the error of a timer, and refuses a negative time', async () => {
    using time = virtualTime();
    setTimeout(() => {
      throw new Error('thrown by a timer');
    }, 10);
    await expect(time.advance(10)).rejects.toThrow('thrown by a timer');
    await expect(time.advance(-1)).rejects.toMatchObject({ code: 'INVALID_OPTION' });
  });

  test('advances until a promise settles, and no further', async () => {
    using time = virtualTime();
    const server = script([{ status: 503 }, { status: 503, headers: { 'retry-after': '20' } }, { json: 'done' }]);
    const api = kyoa.create({ fetch: server.fetch });
    expect(await time.until(api.get(url).json())).toBe('done');
    expect(server.calls[2]!.at - server.calls[1]!.at).toBe(20_000);
    expect(time.elapsed).toBeLessThan(21_000);
    server.done();
  });

  test('rejects as the promise rejects', async () => {
    using time = virtualTime();
    const { fetch: transport } = script({ fault: 'hang' });
    const fetch = createFetch({ use: [timeout(60_000), retry()], fetch: transport });
    await expect(time.until(fetch(url))).rejects.toMatchObject({ code: 'TIMEOUT', elapsed: 60_000 });
    expect(time.elapsed).toBe(60_000);
  });
});
