import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { readLink } from '../../../playground/model/link.ts';
import type { PolicyEntry, Session } from '../../../playground/model/types.ts';
import { drive, open } from './drive.ts';

const retry: PolicyEntry = { id: 'retry', policy: 'retry', on: true, options: { 'backoff.base': 10 } };

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe('a session', () => {
  test('drives both lanes at the same rate, through the same mishaps', async () => {
    const session = await open({ errors: { rate: 0.3 } }, []);
    await drive(session, 2_000);
    const [plain, kyoa] = [session.measures('plain'), session.measures('kyoa')];
    expect([plain.calls, plain.lost]).toEqual([kyoa.calls, kyoa.lost]);
    expect(plain.calls).toBeGreaterThan(190);
    expect(plain.success).toBeLessThan(0.9);
    expect(session.dots('plain').outcome).toEqual(session.dots('kyoa').outcome);
  });

  test('does not slow down because the server did', async () => {
    const session = await open({ stalls: 1 }, []);
    session.configure({ rate: 100 });
    session.start();
    await vi.advanceTimersByTimeAsync(1_000);
    expect(session.layers()).toMatchObject([{ entry: 'network', entered: 101, inside: 101 }]);
  });

  test('counts what each layer adds and spares', async () => {
    const session = await open({ errors: { rate: 1 } }, [{ ...retry, options: { retries: 1, budget: false } }]);
    await drive(session, 1_000);
    const [outer, network] = session.layers();
    expect(outer).toMatchObject({ entry: 'retry', failed: outer!.entered, sent: 2 * outer!.entered, inside: 0 });
    expect(network).toMatchObject({ entry: 'network', entered: outer!.sent });
    expect(session.measures('kyoa').upstream).toBe(2);
    expect(session.measures('plain').upstream).toBe(1);
  });

  test('records the attempts of a call, and its events in kyoa’s words', async () => {
    const session = await open({ errors: { rate: 1 } }, [{ ...retry, options: { retries: 1, budget: false } }]);
    await drive(session, 100);
    const [call] = session.calls().toReversed();
    expect(call).toMatchObject({ method: 'GET', outcome: 'error status', label: '503' });
    expect(call!.attempts.map(({ kind, outcome, status }) => [kind, outcome, status])).toEqual([
      ['first', 'error status', 503],
      ['retry', 'error status', 503],
    ]);
    expect([...call!.marks]).toEqual(['retried']);
    expect(call!.events.map(({ type }) => type)).toEqual([
      'request.started',
      'attempt.sent',
      'attempt.answered',
      'retry.scheduled',
      'attempt.sent',
      'attempt.answered',
      'retry.abandoned',
      'request.settled',
    ]);
  });

  test('names the copies of race as such', async () => {
    const session = await open({}, [{ id: 'race', policy: 'race', on: true, options: {} }]);
    await drive(session, 100);
    const [call] = session.calls().toReversed();
    expect(call!.attempts.map(({ kind }) => kind)).toEqual(['first', 'race', 'race']);
    expect([...call!.marks]).toEqual(['raced']);
  });

  test('distinguishes an expired limit from an aborted call', async () => {
    const session = await open({ stalls: 1 }, [{ id: 't', policy: 'timeout', on: true, options: { headers: 300 } }]);
    await drive(session, 10);
    expect(session.calls().at(-1)).toMatchObject({ outcome: 'timed out', label: 'TIMEOUT' });
    expect(session.calls().at(-1)!.attempts[0]).toMatchObject({ outcome: 'timed out' });
    expect(session.dots('plain').outcome).toContain('late');
  });

  test('shows the adaptive limit as it is applied', async () => {
    const options = {
      'headers.kind': 'mean + 2 sd',
      'headers.initial': 700,
      'headers.min': 20,
      'headers.minSamples': 5,
    };
    const session = await open({ latency: { median: 30, sigma: 0.1 } }, [
      { id: 'attempt', policy: 'timeout', on: true, options },
    ]);
    await drive(session, 3_000);
    const { limit } = session.ticks();
    // From 30 ms and little spread; doubled where it cut a response off, and back again.
    expect(Math.min(...limit)).toBeGreaterThan(30);
    expect(Math.min(...limit)).toBeLessThan(50);
    session.configure({ stack: [] });
    await drive(session, 600);
    expect(session.ticks().limit.at(-1)).toBeNaN();
  });

  test('keeps a stack running while the next one cannot be built, and says why in kyoa’s words', async () => {
    const session = await open({}, [retry]);
    session.configure({ stack: [{ ...retry, options: { retries: -1, 'backoff.base': 10 } }] });
    expect(session.problems).toEqual([
      { entry: 'retry', option: 'retries', message: 'retry retries must be a whole number of 0 or more, got -1' },
    ]);
    await drive(session, 100);
    expect(session.layers()[0]).toMatchObject({ entry: 'retry' });
    session.configure({ stack: [retry, { ...retry, id: 'again' }] });
    expect(session.problems).toEqual([{ entry: 'again', message: 'A stack may contain retry only once' }]);
    session.configure({ stack: [] });
    expect(session.problems).toEqual([]);
  });

  test('refuses a setting that is no good, and changes nothing', async () => {
    const session = await open({}, []);
    const { configuration } = session;
    expect(() => session.changeSettings({ resets: 2 })).toThrow('resets must be a number from 0 to 1, not 2');
    expect(session.configuration).toBe(configuration);
  });

  test('begins everything anew on reset, the script of mishaps included', async () => {
    const session = await open({ errors: { rate: 0.5 } }, []);
    await drive(session, 500);
    const before = session.dots('plain').outcome;
    session.reset();
    expect(session.calls()).toEqual([]);
    expect(session.measures('plain').calls).toBe(0);
    expect(session.now).toBeLessThan(5);
    await drive(session, 500);
    expect(session.dots('plain').outcome.slice(0, 20)).toEqual(before.slice(0, 20));
  });

  test('pays once through kyoa however often it is pressed, and each time by plain fetch', async () => {
    const session = await open({}, [{ id: 'i', policy: 'idempotency', on: true, options: {} }]);
    const heard = vi.fn<(what: string) => void>();
    session.subscribe(heard);
    for (const lane of ['kyoa', 'plain'] as const) {
      for (let press = 0; press < 3; press += 1) {
        let over = false;
        const paid = session.pay('order-1', lane).finally(() => (over = true));
        while (!over) {
          await crypto.subtle.digest('SHA-256', new Uint8Array(1)); // done after those that the session waits for
          await vi.advanceTimersByTimeAsync(10);
        }
        expect(await paid).toMatchObject({ outcome: 'answered', replayed: lane === 'kyoa' && press > 0 });
      }
    }
    expect(await session.payments()).toEqual([
      { lane: 'plain', order: 'order-1', arrivals: 3, executions: 3 },
      { lane: 'kyoa', order: 'order-1', arrivals: 1, executions: 1 },
    ]);
    expect(heard).toHaveBeenCalledWith('payments');
  });

  test('keeps no more than its windows hold', { timeout: 60_000 }, async () => {
    const session = await open({}, [retry]);
    session.configure({ rate: 40 });
    await drive(session, 65_000);
    expect(session.calls()).toHaveLength(200);
    expect(session.dots('kyoa').time).toHaveLength(2_000);
    expect(session.ticks().time).toHaveLength(120);
  });

  test('leaves no timer behind when it is stopped and its calls are over', async () => {
    const before = vi.getTimerCount();
    const session = await open({ stalls: 0.1 }, []);
    await drive(session, 1_000);
    session.close();
    expect(vi.getTimerCount()).toBe(before);
  });
});

describe('the figures', () => {
  test('count a lost call as endless, and show its share', async () => {
    const session = await open({ errors: { rate: 0.3 } }, []);
    await drive(session, 2_000);
    const { p50, p99, lost, calls, success } = session.measures('plain');
    expect(p50).toBeLessThan(50);
    expect(p99).toBe(Infinity);
    expect(lost / calls).toBeCloseTo(1 - success!);
    expect(lost).toBeGreaterThan(0);
  });

  test('count a substitute neither as a good response nor as a loss', async () => {
    const session = await open({ errors: { rate: 0.5 } }, [{ id: 'f', policy: 'fallback', on: true, options: {} }]);
    await drive(session, 2_000);
    const { substitutes, lost, success, calls } = session.measures('kyoa');
    expect(lost).toBe(0);
    expect(substitutes).toBe(session.measures('plain').lost);
    expect(success).toBeCloseTo(1 - substitutes / calls);
    expect(session.calls().find(({ marks }) => marks.has('fallback'))?.outcome).toBe('substitute');
  });

  test('count a call that waits with the time so far, and not as good', async () => {
    const session = await open({ stalls: 0.1 }, []);
    session.start();
    await vi.advanceTimersByTimeAsync(1_900);
    expect(session.measures('plain')).toMatchObject({ waiting: 0, success: 1 });
    await vi.advanceTimersByTimeAsync(2_000);
    const { calls, waiting, lost, success, p50, p99 } = session.measures('plain');
    expect(waiting).toBeGreaterThan(10);
    expect([lost, success]).toEqual([0, calls / (calls + waiting)]);
    expect(p50).toBeLessThan(20);
    expect(p99).toBeGreaterThan(2_000);
    expect(p99).toBeLessThan(4_100);
    session.stop();
    await vi.advanceTimersByTimeAsync(5_100);
    expect(session.measures('plain')).toMatchObject({ waiting: 0, p99: Infinity });
  });

  test('count a replaced call neither as good nor as lost, and in no percentile', async () => {
    const session = await open({}, [{ id: 'l', policy: 'latest', on: true, options: {} }]);
    const sent = ['r', 're', 'ret'].map((text) => session.send('kyoa', `search?q=${text}`));
    await vi.advanceTimersByTimeAsync(100);
    expect((await Promise.all(sent)).map(({ outcome }) => outcome)).toEqual(['replaced', 'replaced', 'answered']);
    expect(session.measures('kyoa')).toMatchObject({ calls: 3, replaced: 2, lost: 0, success: 1 });
    expect(session.measures('kyoa').p99).toBeLessThan(20);
    expect(session.dots('kyoa').outcome).toEqual(['answered']);
  });

  test('begin together when a layer is added late', async () => {
    const session = await open({ errors: { rate: 0.3 } }, [{ ...retry, options: { retries: 1, budget: false } }]);
    await drive(session, 3_000);
    const added: PolicyEntry = { id: 'breaker', policy: 'breaker', on: true, options: { ratio: 1 } };
    session.configure({ stack: [...session.configuration.stack, added] });
    expect(session.layers().map(({ entered }) => entered)).toEqual([0, 0, 0]);
    expect(session.measures('kyoa').calls).toBe(0);
    await drive(session, 1_000);
    const [outer, inner, network] = session.layers();
    expect(inner!.sent - inner!.entered).toBe(0);
    expect(outer!.sent).toBe(inner!.entered);
    expect(network!.entered).toBe(inner!.entered);
    expect(session.measures('kyoa').upstream).toBeCloseTo(network!.entered / outer!.entered);
  });
});

describe('a pause', () => {
  test('holds the clock and the figures once the calls in flight have ended', async () => {
    const session = await open({}, []);
    await drive(session, 1_000);
    const { now } = session;
    const figures = session.measures('kyoa');
    await vi.advanceTimersByTimeAsync(60_000);
    expect(session.now).toBe(now);
    expect(session.measures('kyoa')).toEqual(figures);
    session.start();
    await vi.advanceTimersByTimeAsync(100);
    expect(session.now).toBeCloseTo(now + 100);
  });

  test.each([
    ['a step of a scenario', (session: Session) => session.open(readLink('#storm/2'))],
    ['the end of a scenario', (session: Session) => session.leave()],
    ['a change of the onion', (session: Session) => session.configure({ stack: [], rate: 50 })],
    ['a reset', (session: Session) => session.restore()],
  ])('is not ended by %s', async (_what, act) => {
    const session = await open({}, []);
    await drive(session, 500);
    act(session);
    await vi.advanceTimersByTimeAsync(2_000);
    expect(session.running).toBe(false);
    expect(session.layers().at(-1)!.entered).toBe(0);
  });
});

describe('a change', () => {
  test('can be undone, and a quick series of changes at once', async () => {
    const session = await open({}, [retry]);
    const { configuration } = session;
    for (const rate of [10, 20, 30]) session.configure({ rate });
    await vi.advanceTimersByTimeAsync(1_000);
    session.changeSettings({ outage: true });
    expect(session.undoable).toBe(2);
    session.undo();
    expect([session.configuration.rate, session.configuration.settings.outage]).toEqual([30, false]);
    session.undo();
    expect(session.configuration).toBe(configuration);
    session.undo();
    expect(session.configuration).toBe(configuration);
  });

  test('is taken back by a reset, to the beginning of the step', async () => {
    const session = await open({}, []);
    session.open(readLink('#storm/3'));
    const { configuration } = session;
    session.changeSettings({ outage: false });
    expect(session.isChanged).toBe(true);
    session.restore();
    expect(session.isChanged).toBe(false);
    expect(session.configuration).toEqual(configuration);
    await vi.advanceTimersByTimeAsync(1_000);
    session.undo();
    expect(session.configuration.settings.outage).toBe(false);
  });
});
