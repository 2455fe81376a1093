/**
 * Two tabs of one Chromium share a token in IndexedDB. The access token is made old again and again, and each tab then makes 50 calls.
 * In the midst of them a tab is closed, or its renderer is made to crash, at a random moment, and another tab takes its place: it makes the
 * calls again whose end the killed one had not reported, also those to which the server had responded. Each time there is one
 * renewal, and every call must end with a 200, in one tab or the other.
 */
import { setTimeout as sleep } from 'node:timers/promises';

import { appIn, lease, openBrowser } from '../../test/support/auth-tabs.ts';
import { tokenServer } from '../../test/support/token-server.ts';
import { printTable } from '../lib/report.ts';
import { until, type Proof } from './proof.ts';

type App = Awaited<ReturnType<typeof appIn>>;

const callsPerTab = 50;
const size = 2;

export const tabs: Proof = async ({ smoke, random }) => {
  const rotations = smoke ? 5 : 20;
  // A tab that dies between the rotation and its record leaves a used token to its successor.
  await using server = await tokenServer({ leeway: 5 * lease, work: 20 });
  await using browser = await openBrowser();
  const pages = await browser.tabs(size);
  const context = pages[0].context();
  const open = async (): Promise<App> => {
    const page = await context.newPage();
    await page.goto(browser.origin);
    return appIn(page, server.url);
  };
  const results = new Map<number, number | string>();
  await context.exposeFunction('report', (call: number, result: number | string) => void results.set(call, result));
  const apps = await Promise.all(pages.map((page) => appIn(page, server.url)));
  const { access_token: access, refresh_token: refresh } = server.login('ada');
  await apps[0]!.signIn({ access, refresh });

  const killed = { closed: 0, crashed: 0, inRenewal: 0 };
  let [next, again, usual] = [0, 0, 0];
  const wrong: string[] = [];

  for (let rotation = 1; rotation <= rotations; rotation += 1) {
    // The first rotation shows how long the calls take.
    const victim = rotation > 1 && random() < 0.8 ? Math.floor(random() * size) : undefined;
    const [wait, how] = [random() * usual, random() < 0.5 ? 'closed' : 'crashed'] as const;
    server.expire('ada');
    const started = performance.now();
    const work = apps.map(async (app, index) => {
      const numbers = Array.from({ length: callsPerTab }, () => next++);
      const ended = app.calls(numbers);
      if (index !== victim) return ended;
      void ended.catch(() => {}); // it ends with its tab
      await sleep(wait);
      if (server.seen.renewals < rotation) killed.inRenewal += 1;
      await (how === 'closed' ? close(app) : crash(app));
      killed[how] += 1;
      const successor = (apps[index] = await open());
      const missing = numbers.filter((number) => !results.has(number));
      again += missing.length;
      return successor.calls(missing);
    });
    await Promise.all(work);
    if (victim === undefined) usual = performance.now() - started;
    await until(() => results.size === next);
    if (server.seen.renewals !== rotation)
      wrong.push(`tabs: ${server.seen.renewals} renewals after ${rotation} rotations`);
  }
  const { renewals, reuses } = server.seen;
  const lost = [...results].filter(([, result]) => result !== 200);
  printTable(
    [
      'rotations',
      'renewals',
      'reuses',
      'closed',
      'crashed',
      'before the renewal was over',
      'calls',
      'made again',
      'lost',
    ],
    [[rotations, renewals, reuses, killed.closed, killed.crashed, killed.inRenewal, next, again, lost.length]],
    'tabs',
  );
  if (reuses > 0) wrong.push(`tabs: a refresh token was used again ${reuses} times`);
  if (lost.length > 0) wrong.push(`tabs: ${lost.length} calls were lost, such as the one with ${lost[0]![1]}`);
  return wrong;
};

/** As a user does; no handler of the page is waited for. */
async function close({ tab }: App): Promise<void> {
  const session = await tab.context().newCDPSession(tab);
  const { targetInfo } = await session.send('Target.getTargetInfo');
  const closed = tab.waitForEvent('close');
  await session.send('Target.closeTarget', { targetId: targetInfo.targetId });
  await closed;
}

/** Ends the process of the tab. */
async function crash({ tab }: App): Promise<void> {
  const session = await tab.context().newCDPSession(tab);
  const crashed = tab.waitForEvent('crash');
  session.send('Page.crash').catch(() => {}); // there is no process left to respond
  await crashed;
  await tab.close();
}
