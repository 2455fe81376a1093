/** Tabs of one Chromium that share a token in IndexedDB, and renew it at a token server. */
import type { Page } from 'playwright';

import { importMap, pages, type Pages } from './pages.ts';

/** The lease of a renewal, ms. */
export const lease = 1_000;

const script = `
  import { auth, createFetch, retry } from 'kyoa';
  import { indexeddb } from 'kyoa/indexeddb';

  globalThis.open = (url) => {
    const storage = indexeddb('session');
    const renew = async ({ token, signal }) => {
      const body = new URLSearchParams({ grant_type: 'refresh_token', refresh_token: token?.refresh ?? 'none' });
      const response = await fetch(url + '/token', { method: 'POST', body, signal });
      if (!response.ok) throw Object.assign(new Error('refused'), { response });
      const grant = await response.json();
      return { access: grant.access_token, refresh: grant.refresh_token };
    };
    globalThis.session = auth({ renew, storage, lease: ${lease} });
    const api = createFetch({ use: [session, retry()] });
    globalThis.call = async () => {
      try {
        const response = await api(url + '/me');
        await response.text();
        return response.status;
      } catch (error) {
        return String(error);
      }
    };
  };
`;

interface App {
  open(url: string): void;
  readonly session: { set(token: object): Promise<void>; clear(): Promise<void> };
  readonly call: () => Promise<number | string>;
  readonly report: (call: number, result: number | string) => Promise<void>;
}

export const openBrowser = (): Promise<Pages> => pages(script, importMap);

/** The app in a tab that is loaded. `url`: of the token server. */
export async function appIn(tab: Page, url: string) {
  await tab.waitForFunction(() => 'open' in globalThis, undefined, { polling: 20 });
  await tab.evaluate((url) => (globalThis as unknown as App).open(url), url);
  return {
    tab,
    signIn: (token: object) => tab.evaluate((token) => (globalThis as unknown as App).session.set(token), token),
    signOut: () => tab.evaluate(() => (globalThis as unknown as App).session.clear()),
    /** The status of a call, or its error. */
    call: () => tab.evaluate(() => (globalThis as unknown as App).call()),
    /** Makes calls at once. The page calls its function `report` with the number of each that has ended, and its status or error. */
    calls: (numbers: readonly number[]) =>
      tab.evaluate(async (numbers) => {
        const { call, report } = globalThis as unknown as App;
        await Promise.all(numbers.map(async (number) => report(number, await call())));
      }, numbers),
  };
}
