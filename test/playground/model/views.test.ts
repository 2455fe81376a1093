/** What a session offers to the panes. */
import { memory } from 'kyoa';
import { afterEach, describe, expect, test } from 'vitest';

import { usual } from '../../../playground/model/configuration.ts';
import { openSession } from '../../../playground/model/session.ts';
import type { PolicyEntry, Session } from '../../../playground/model/types.ts';
import type { Patch } from '../../../playground/network/settings.ts';
import { simulatedNetwork } from '../../../playground/network/simulated-network.ts';
import { calm } from '../calm.ts';

const layer = (policy: PolicyEntry['policy'], options: PolicyEntry['options'] = {}): PolicyEntry => {
  return { id: policy, policy, on: true, options };
};

describe('a session with panes', () => {
  let session: Session;
  afterEach(() => session.close());

  async function open(patch: Patch, ...stack: PolicyEntry[]): Promise<void> {
    const settings = calm(patch);
    const network = simulatedNetwork({ settings, storage: memory() });
    const link = { configuration: { ...usual, settings, rate: 100, stack }, hasSettings: true, complaints: [] };
    session = await openSession({ network, link: { place: undefined, ...link } });
  }

  test('has hot calls that dedupe shares, and calls of which it shares none', async () => {
    await open({ calls: { hot: 0.5, items: 2 }, latency: { median: 100 } }, layer('dedupe'));
    session.start();
    const shared = (): string[] =>
      session
        .calls()
        .filter(({ marks }) => marks.has('deduped'))
        .map(({ query }) => query);
    await expect.poll(() => shared().length).toBeGreaterThan(5);
    expect(new Set(shared())).toEqual(new Set(['id=hot-1', 'id=hot-2']));
  });

  test('gets stored responses from staleIfError in an outage, if they may be stored', async () => {
    const substitutes = (): number => session.calls().filter(({ marks }) => marks.has('stale')).length;
    await open({ calls: { hot: 1, items: 1 }, storable: true }, layer('staleIfError'));
    session.start();
    await expect.poll(() => session.calls().filter(({ outcome }) => outcome === 'answered').length).toBeGreaterThan(2);
    session.changeSettings({ outage: true });
    await expect.poll(substitutes).toBeGreaterThan(2);
  });

  test('replaces a search, but none of the other calls', async () => {
    await open({ latency: { median: 60, sigma: 0 } }, layer('latest'));
    session.start();
    const first = session.send('kyoa', 'search?q=r');
    const second = session.send('kyoa', 'search?q=ret');
    expect(await first).toMatchObject({ outcome: 'replaced', label: 'replaced' });
    expect(await second).toMatchObject({
      outcome: 'answered',
      body: { q: 'ret', results: ['retry'] },
    });
    expect(session.measures('kyoa')).toMatchObject({ replaced: 1, lost: 0, success: 1 });
    await expect
      .poll(() => session.calls().filter(({ path, end }) => path.endsWith('items') && end).length)
      .toBeGreaterThan(10);
    expect(
      session
        .calls()
        .filter(({ marks }) => marks.has('replaced'))
        .map(({ query }) => query),
    ).toEqual(['q=r']);
  });

  test('reports the permits and the queue of limit', async () => {
    await open({ stalls: 1 }, layer('limit', { concurrency: 3 }));
    expect(session.state()).toEqual({ limit: undefined, endpoints: [] });
    session.start();
    await expect.poll(() => session.state().limit).toMatchObject({ concurrency: 3, running: 3 });
    await expect.poll(() => session.state().limit!.waiting).toBeGreaterThan(3);
  });

  test('reports the region that endpoints has ejected', async () => {
    await open({ regions: { us: { outage: true } } }, layer('retry'), layer('endpoints', { 'eject.failures': 1 }));
    session.start();
    await expect.poll(() => session.state().endpoints.find(({ url }) => url.endsWith('/us'))?.state).toBe('ejected');
  });

  test('keeps the line of log for each call', async () => {
    await open({ errors: { rate: 1 } });
    await session.send('kyoa', 'items?id=1');
    const [call] = session.calls();
    expect(JSON.parse(call!.line)).toMatchObject({ level: 'error', method: 'GET', status: 503, attempts: 1 });
    expect(call!.query).toBe('id=1');
  });
});
