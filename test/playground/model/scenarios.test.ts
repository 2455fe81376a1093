import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { writeAddress } from '../../../playground/model/address.ts';
import { readDocument } from '../../../playground/model/document/read.ts';
import { readLink } from '../../../playground/model/link.ts';
import { scenarios } from '../../../playground/model/scenarios.ts';
import { withLayer } from '../../../playground/model/with-layer.ts';
import type { OptionValues, PolicyEntry, PolicyName, Session } from '../../../playground/model/types.ts';
import { drive, open } from './drive.ts';

const retry = layer('retry', { 'backoff.base': 10 });

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe('a scenario', () => {
  const places = scenarios.flatMap(({ id, steps }) => steps.map((_, i) => `#${id}/${i + 1}`));

  test.each(places)('begins at %s with the configuration of the step', async (hash) => {
    const session = await open({}, [retry]);
    const before = session.configuration;
    session.open(readLink(hash));
    expect(session.problems).toEqual([]);
    expect(session.isChanged).toBe(false);
    expect(writeAddress(session)).toBe(hash);
    await drive(session, 300);
    expect(session.fault).toBeUndefined();
    session.leave();
    expect(session.configuration).toEqual(before);
  });

  test('keeps the state of its policies from a step to the next one, and on no other way', async () => {
    const session = await open({}, []);
    session.open(readLink('#breaker/1'));
    await drive(session, 1_000);
    const { now } = session;
    session.open(readLink('#breaker/2'));
    expect(session.now).toBe(now);
    session.open(readLink('#breaker/4'));
    expect(session.now).toBeLessThan(1);
  });

  test('begins a step without the requests of the step before', async () => {
    const session = await open({}, []);
    session.open(readLink('#queue/1'));
    session.start();
    await vi.advanceTimersByTimeAsync(3_000);
    const running = session.calls().filter(({ end }) => end === undefined);
    expect(running.length).toBeGreaterThan(2);
    session.open(readLink('#queue/2'));
    await vi.advanceTimersByTimeAsync(2_000);
    expect(new Set(running.map(({ outcome }) => outcome))).toEqual(new Set(['left']));
    // The server takes eight requests, and eight permits are all that the new ones get.
    expect(session.measures('kyoa')).toMatchObject({ lost: 0, success: 1 });
    expect(session.measures('kyoa').upstream).toBeLessThanOrEqual(1);
    session.stop();
  });

  test('judges a goal by the calls of its own step', async () => {
    const session = await open({}, []);
    session.open(readLink('#typing/2'));
    session.start();
    for (const text of ['r', 're', 'ret', 'retr', 'retry', '']) void session.send('kyoa', `search?q=${text}`);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(session.measures('kyoa').replaced).toBe(5);
    session.open(readLink('#typing/3'));
    const [aim] = scenarios.find(({ id }) => id === 'typing')!.steps[2]!.goal!;
    expect(aim!.read(session)).toMatchObject({ value: '0', isReached: false });
    session.stop();
  });

  test('says how long a good figure has to stay good', async () => {
    const session = await open({}, []);
    session.open(readLink('#hedge/5'));
    const [, requests] = scenarios.find(({ id }) => id === 'hedge')!.steps[4]!.goal!;
    session.start();
    await vi.advanceTimersByTimeAsync(1_000);
    const { isReached, holding } = requests!.read(session);
    expect([isReached, holding!.total]).toEqual([false, 4_000]);
    expect(holding!.left).toBeGreaterThan(2_900);
    expect(holding!.left).toBeLessThan(3_300);
    await vi.advanceTimersByTimeAsync(4_000);
    expect(requests!.read(session)).toMatchObject({ isReached: true, holding: { left: 0 } });
    session.stop();
  });

  test('shows a p99 in the unit of the figures', async () => {
    const session = await open({}, []);
    const [p99] = scenarios.find(({ id }) => id === 'hedge')!.steps[4]!.goal!;
    const values = [199, 1_444, Infinity].map((p99) => ({ ...session.measures('kyoa'), p99 }));
    const shown = values.map((measures) => p99!.read({ ...session, measures: () => measures }).value);
    expect(shown).toEqual(['199 ms', '1.44 s', 'above 5 s']);
  });

  test('runs its rivals through the same faults', async () => {
    const session = await open({}, []);
    session.open(readLink('#adaptive/1'));
    await drive(session, 2_000);
    for (const lane of ['plain', 'kyoa', 'long', 'short']) expect(session.measures(lane).calls).toBeGreaterThan(50);
    expect(session.measures('long').p99).toBeGreaterThan(2_000);
    session.leave(true);
    expect(session.configuration.rivals).toBeUndefined();
  });

  test(
    'shows a benefit of the learnt limit over one that is too long and one that is too short',
    { timeout: 60_000 },
    async () => {
      const session = await open({}, []);
      session.open(readLink('#adaptive/1'));
      await drive(session, 12_000);
      expect(session.measures('plain').p99).toBe(Infinity);
      expect(session.measures('long').p99).toBeGreaterThan(2_000);
      expect(session.measures('short').p99).toBeLessThan(600);
      expect(session.measures('kyoa').p99).toBeLessThan(900);
      expect(session.measures('kyoa').success).toBe(1);

      session.open(readLink('#adaptive/2'));
      session.open(readLink('#adaptive/3'));
      await drive(session, 14_000);
      expect(session.measures('short').success).toBeLessThan(0.5);
      expect(session.measures('short').upstream).toBeGreaterThan(1.2);
      expect(session.measures('long').success).toBe(1);
      expect(session.measures('kyoa').success).toBeGreaterThan(0.99);
      expect(session.measures('kyoa').p99).toBeLessThan(session.measures('long').p99!);
    },
  );
});

type Act = (session: Session) => void | Promise<unknown>;

/** What a visitor does to reach each goal. */
const solutions: readonly (readonly [id: string, ...acts: readonly Act[]])[] = [
  ['storm', (session) => edit(session, 'retry', {}), (session) => session.changeSettings({ outage: false })],
  ['hedge', (session) => add(session, 'hedge')],
  ['breaker', (session) => add(session, 'breaker'), (session) => session.changeSettings({ outage: false })],
  [
    'adaptive',
    (session) => edit(session, 'attempt', { 'headers.kind': 'mean + 2 sd', 'headers.min': 50, 'headers.initial': 500 }),
  ],
  [
    'once',
    async (session) => {
      add(session, 'idempotency', { storage: 'memory' });
      // The network loses some of them.
      for (let press = 0; press < 9; press += 1) await settled(session.pay('one', 'kyoa'));
    },
  ],
  [
    'canary',
    (session) => {
      add(session, 'retry');
      add(session, 'endpoints');
    },
  ],
  [
    'canary',
    (session) => {
      const list = ['eu', 'us', 'ap'].map((region) => ({ url: `https://api.example.com/${region}` }));
      const document = { use: [{ timeout: 5_000 }, 'retry', { endpoints: { list } }] };
      const { stack } = readDocument(JSON.stringify(document), session.configuration.stack);
      session.configure({ stack: stack! });
    },
  ],
  ['whole', (session) => add(session, 'resume')],
  ['race', (session) => add(session, 'race')],
  ['hot', (session) => add(session, 'dedupe')],
  [
    'fallback',
    (session) => session.configure({ stack: withLayer(session.configuration.stack, 'fallback') }),
    (session) => session.changeSettings({ outage: false }),
  ],
  ['queue', (session) => add(session, 'limit', { concurrency: 8 })],
  [
    'typing',
    (session) => {
      add(session, 'latest');
      for (const text of ['r', 're', 'ret', 'retr', 'retry', '']) void session.send('kyoa', `search?q=${text}`);
    },
  ],
];

test.each(solutions.map(([id, ...acts]) => [id, acts] as const))(
  'the goal of %s is reached by hand',
  { timeout: 60_000 },
  async (id, acts) => {
    const session = await open({}, []);
    const { steps } = scenarios.find((scenario) => scenario.id === id)!;
    const aims = steps.at(-1)!.goal!;
    const reached = (): boolean[] => aims.map(({ read }) => read(session).isReached);
    session.open(readLink(`#${id}/${steps.length}`));
    await drive(session, 4_000);
    expect(reached()).toContain(false);
    const kept = aims.map(() => false);
    session.start();
    for (const act of acts) {
      await act(session);
      const isLast = act === acts.at(-1);
      for (let second = 0; second < (isLast ? 20 : 8) && !(isLast && kept.every(Boolean)); second += 1) {
        await vi.advanceTimersByTimeAsync(1_000);
        reached().forEach((is, i) => (kept[i] = is || (kept[i]! && aims[i]!.isLasting === true)));
      }
    }
    session.stop();
    expect(aims.map(({ title, read }, i) => [title, read(session).value, kept[i]])).toEqual(
      aims.map(({ title }) => [title, expect.anything(), true]),
    );
  },
);

function layer(policy: PolicyName, options: OptionValues = {}): PolicyEntry {
  return { id: policy, policy, on: true, options };
}

function add(session: Session, policy: PolicyName, options?: OptionValues): void {
  session.configure({ stack: [...session.configuration.stack, layer(policy, options)] });
}

function edit(session: Session, id: string, options: OptionValues): void {
  session.configure({
    stack: session.configuration.stack.map((entry) => (entry.id === id ? { ...entry, options } : entry)),
  });
}

/** Digests are not on the fake clock. */
async function settled(work: Promise<unknown>): Promise<void> {
  let over = false;
  void work.finally(() => (over = true));
  while (!over) {
    await crypto.subtle.digest('SHA-256', new Uint8Array(1));
    await vi.advanceTimersByTimeAsync(10);
  }
}
