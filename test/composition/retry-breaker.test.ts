import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { breaker, CircuitOpenError, constant, retry } from '../../src/index.ts';
import { stub } from '../support/call.ts';
import { url } from '../support/http.ts';

describe('retry outside breaker', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    expect(vi.getTimerCount()).toBe(0);
    vi.useRealTimers();
  });

  test('returns the response of the call that opens the circuit at once, readable, because the next attempt would be rejected', async () => {
    const { fetch, sent, events } = stub(
      [retry({ backoff: constant(500) }), breaker({ volume: 2, cooldown: 10_000 })],
      (attempt) => new Response(`no ${attempt}`, { status: 503 }),
    );
    const pending = fetch(url);
    await vi.advanceTimersByTimeAsync(500);
    const response = await pending;
    expect(response.status).toBe(503);
    expect(await response.text()).toBe('no 2');
    expect(sent).toHaveLength(2);
    expect(events.at(-2)).toMatchObject({ type: 'retry.abandoned', reason: 'breaker', status: 503 });
    await expect(fetch(url)).rejects.toBeInstanceOf(CircuitOpenError);
  });

  test('keeps a pause that outlasts the cooldown, and the next attempt is the probe', async () => {
    const { fetch, sent } = stub(
      [retry({ backoff: constant(10_000) }), breaker({ volume: 1, cooldown: 10_000 })],
      (attempt) => new Response(null, { status: attempt === 1 ? 503 : 200 }),
    );
    const pending = fetch(url);
    await vi.runAllTimersAsync();
    expect((await pending).status).toBe(200);
    expect(sent).toHaveLength(2);
  });
});
