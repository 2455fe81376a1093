import { afterEach, beforeEach, expect, test, vi } from 'vitest';

import { createTokenApp, type TokenApp } from '../../../playground/model/tokens.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

async function calls(app: TokenApp): Promise<string[]> {
  const made = app.call(3);
  await vi.advanceTimersByTimeAsync(2_000);
  await made;
  return app.calls().flatMap((tab) => tab.slice(0, 3).map(({ state }) => state));
}

test('with auth, two tabs whose token has expired renew it once and lose no call', async () => {
  const app = createTokenApp('kyoa');
  expect(new Set(await calls(app))).toEqual(new Set(['good']));
  app.expire();
  expect(new Set(await calls(app))).toEqual(new Set(['good']));
  expect(app.facts()).toEqual({ renewals: 1, reused: 0, isSignedIn: true });
});

test('with an interceptor, two tabs whose token has expired sign each other out', async () => {
  const app = createTokenApp('plain');
  expect(new Set(await calls(app))).toEqual(new Set(['good']));
  app.expire();
  expect(await calls(app)).toContain('refused');
  expect(app.facts()).toMatchObject({ renewals: 1, isSignedIn: false });
  expect(app.facts().reused).toBeGreaterThan(0);
  await app.signIn();
  expect(new Set(await calls(app))).toEqual(new Set(['good']));
});
