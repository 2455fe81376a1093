import { memory } from 'kyoa';
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { usual } from '../../../playground/model/configuration.ts';
import { scenarios } from '../../../playground/model/scenarios.ts';
import { openSession } from '../../../playground/model/session.ts';
import type { PolicyEntry, Session, Stack } from '../../../playground/model/types.ts';
import { presets } from '../../../playground/network/presets.ts';
import { change } from '../../../playground/network/settings.ts';
import type { Patch } from '../../../playground/network/settings.ts';
import { simulatedNetwork } from '../../../playground/network/simulated-network.ts';

const retry: PolicyEntry = { id: 'retry', policy: 'retry', on: true, options: { 'backoff.base': 10 } };

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe('a session', () => {
  test('drives both lanes at the same rate, through the same mishaps', async () => {
    const session = await open({ errors: { rate: 0.3 } }, []);
    await drive(session, 2_000);
    const [plain, kyoa] = [session.measures('plain'), session.measures('kyoa')];
    expect(plain.total).toEqual(kyoa.total);
    expect(plain.total.calls).toBeGreaterThan(190);
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
    // From 30 ms and little spread; doubled where it cut an answer off, and back again.
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

  test('keeps no more than its windows hold', async () => {
    const session = await open({}, [retry]);
    await drive(session, 90_000);
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

test.each(scenarios.flatMap(({ id, steps }) => steps.map((step) => [id, step.title, step] as const)))(
  'the scenario %s can be followed: %s',
  async (_id, _title, step) => {
    const session = await open({}, []);
    session.follow(step);
    expect(session.problems).toEqual([]);
    expect(session.running).toBe(true);
    expect(session.fault).toBeUndefined();
  },
);

async function open(patch: Patch, stack: Stack): Promise<Session> {
  const settings = change(change(presets['steady']!.settings, { latency: { median: 5, sigma: 0 } }), patch);
  const network = simulatedNetwork({ settings, storage: memory() });
  const link = {
    configuration: { ...usual, preset: 'steady', settings, stack, rate: 100 },
    hasSettings: true,
    complaints: [],
  };
  const session = await openSession({ network, link });
  onTestFinished(() => session.close());
  return session;
}

/** Traffic for so many ms, and as long as the last caller may wait. */
async function drive(session: Session, ms: number): Promise<void> {
  session.start();
  await vi.advanceTimersByTimeAsync(ms);
  session.stop();
  await vi.advanceTimersByTimeAsync(5_100);
}
