/** `auth` in real tabs of one Chromium, which share a token in IndexedDB, and a token server that rotates refresh tokens. */
import { afterAll, beforeAll, expect, test } from 'vitest';

import { expectProved } from '../../support/auth-proof.ts';
import { appIn, openBrowser } from '../../support/auth-tabs.ts';
import type { Pages } from '../../support/pages.ts';
import { tokenServer } from '../../support/token-server.ts';

let browser: Pages;
beforeAll(async () => {
  browser = await openBrowser();
});
afterAll(async () => {
  await browser[Symbol.asyncDispose]();
});

test('auth renews once for two tabs with fifty calls each, of which one is killed at random, and loses no call', () => {
  expectProved('tabs');
}, 60_000);

test('auth signs out and in for another tab within a second', async () => {
  await using server = await tokenServer();
  const tabs = await browser.tabs(2);
  const [one, two] = [await appIn(tabs[0], server.url), await appIn(tabs[1]!, server.url)];
  const signIn = async (user: string): Promise<void> => {
    const { access_token: access, refresh_token: refresh } = server.login(user);
    await one.signIn({ access, refresh });
  };
  await signIn('ada');
  expect(await two.call()).toBe(200);
  await one.signOut();
  await expect.poll(two.call, { timeout: 3_000 }).toBe(401);
  await signIn('bob');
  await expect.poll(two.call, { timeout: 3_000 }).toBe(200);
  expect(server.seen).toMatchObject({ renewals: 0, reuses: 0 });
  await tabs[0].context().close();
});
