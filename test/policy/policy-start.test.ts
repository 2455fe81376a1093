import { memory, type Storage } from 'kyoa';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

import { settled } from '../support/origin.ts';
import { manualSource, retries, watched } from '../support/policy-source.ts';

describe('policy() at the start', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  const failing: Storage = {
    ...memory(),
    get: () => Promise.reject(new Error('no storage')),
    set: () => Promise.reject(new Error('no storage')),
  };

  test('has the initial document until there is another one', () => {
    const source = manualSource();
    const { live, stack } = watched(source, { initial: { use: [{ retry: 9 }] } });
    expect([stack(), live.snapshot().use.at(4)!.source]).toEqual([
      'timeout: dedupe: resume: idempotency: retry:9 breaker: timeout:',
      'the program',
    ]);
    source.document(retries(2));
    expect(stack()).toBe('retry:2');
    source.absent();
    expect(stack()).toMatch(/retry:9/);
  });

  test('waits until each source has said whether it has a document', async () => {
    const [one, two] = [manualSource('one'), manualSource('two')];
    const { live } = watched([one, two], { wait: 5_000 });
    const { pending } = live;
    one.document(retries(2));
    expect(live.pending).toBe(pending);
    two.absent();
    expect(live.pending).toBeUndefined();
    await pending;
    expect(vi.getTimerCount()).toBe(0);
  });

  test('waits no longer than wait, if a source is silent or fails', async () => {
    const [one, two] = [manualSource('one'), manualSource('two')];
    const { live } = watched([one, two], { wait: 5_000 });
    const { pending } = live;
    one.failed(new Error('down'));
    vi.advanceTimersByTime(4_999);
    expect(live.pending).toBe(pending);
    vi.advanceTimersByTime(1);
    await pending;
    expect(live.pending).toBeUndefined();
    one.document(retries(2));
    expect(live.snapshot().changes).toBe(1);
  });

  test('waits without an end if wait is Infinity', () => {
    const { live } = watched(manualSource(), { wait: Infinity });
    vi.advanceTimersByTime(2 ** 31);
    expect(live.pending).toBeDefined();
    live.close();
    expect(live.pending).toBeUndefined();
  });

  test('ends the wait when it is closed', async () => {
    const { live } = watched(manualSource(), { wait: 5_000 });
    const { pending } = live;
    live.close();
    await pending;
    expect(vi.getTimerCount()).toBe(0);
  });

  test('uses the document of an earlier run if a source fails, or is silent', async () => {
    const storage = memory();
    const first = manualSource();
    watched(first, { storage });
    first.document(retries(7, 1));
    await settled();
    expect((await storage.get('policy config'))?.value).toBe(retries(7, 1));

    const failed = manualSource();
    const second = watched(failed, { storage, wait: 5_000 });
    failed.failed(new Error('down'));
    await second.live.pending;
    expect(second.stack()).toBe('retry:7');
    expect(second.live.snapshot().sources).toMatchObject([{ state: 'kept', error: 'down' }]);
    failed.document(retries(7, 1), 'etag');
    expect(second.live.snapshot().sources).toMatchObject([{ state: 'good', version: 'etag' }]);

    const silent = watched(manualSource(), { storage, wait: 5_000 });
    await settled();
    vi.advanceTimersByTime(5_000);
    await silent.live.pending;
    expect(silent.stack()).toBe('retry:7');
  });

  test('does not use it once the source has a document of its own, or says that it has none', async () => {
    const storage = memory();
    await storage.set('policy config', retries(7));
    const source = manualSource();
    const { live, stack } = watched(source, { storage, wait: 5_000 });
    source.document(retries(2));
    source.failed(new Error('down'));
    await settled();
    expect(stack()).toBe('retry:2');
    source.absent();
    await settled();
    expect(await storage.get('policy config')).toBeUndefined();
    live.close();
  });

  test('keeps good documents only, the last one, and their text with references in place of secrets', async () => {
    const storage = memory();
    const source = manualSource();
    const env = (name: string): string | undefined => (name === 'HOST' ? 'https://hunter2.example' : undefined);
    watched(source, { storage, env });
    const text = '{ "use": [{ "endpoints": { "list": [{ "url": { "env": "HOST" } }] } }] }';
    source.document(retries(1));
    source.document(text);
    source.document('{');
    await settled();
    expect((await storage.get('policy config'))?.value).toBe(text);
  });

  test('refuses a kept document that is wrong, and goes on', async () => {
    const storage = memory();
    await storage.set('policy config', '{');
    const source = manualSource();
    const { live, types } = watched(source, { storage, wait: 5_000 });
    source.failed(new Error('down'));
    await settled();
    expect(live.pending).toBeUndefined();
    expect(types()).toEqual(['policy.failed', 'policy.refused']);
  });

  test('goes on without a storage that fails', async () => {
    const source = manualSource();
    const { live, events, stack } = watched(source, { storage: failing, wait: 5_000 });
    source.failed(new Error('down'));
    await settled();
    expect(live.pending).toBeDefined();
    source.document(retries(2));
    await settled();
    expect(stack()).toBe('retry:2');
    const lost = { type: 'policy.failed', source: 'the storage', error: new Error('no storage') };
    expect(events.filter(({ source }) => source === 'the storage')).toEqual([lost, lost]);
  });

  test('does not wait for a storage that never answers', async () => {
    const storage: Storage = { ...memory(), get: () => new Promise(() => {}) };
    const { live } = watched(manualSource(), { storage, wait: 5_000 });
    const { pending } = live;
    vi.advanceTimersByTime(5_000);
    await pending;
    expect(live.pending).toBeUndefined();
  });

  test('has the environment that is given, and by default that of NODE_ENV', () => {
    const document = { use: [{ retry: 1 }], environments: { production: { use: [{ retry: 2 }] } } };
    const env = (name: string): string | undefined => (name === 'NODE_ENV' ? 'production' : undefined);
    expect(watched(document).stack()).toBe('retry:1');
    expect(watched(document, { env }).stack()).toBe('retry:2');
    expect(watched(document, { env, environment: 'staging' }).stack()).toBe('retry:1');
    expect(watched(document, { environment: 'production' }).stack()).toBe('retry:2');
  });
});
