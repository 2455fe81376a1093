/** The proof in Firefox: two tabs and a service worker. The network of each tab is switched off and on, and tabs are closed. */
import { setTimeout as sleep } from 'node:timers/promises';

import { random } from '../lib/simulate.ts';
import { startFirefox } from './firefox.ts';
import { lanes, missing, serve, type BrowserResult } from './in-chromium.ts';
import { outOfOrder } from './judge.ts';
import { Ledger, noFaults } from './ledger.ts';
import { until } from './processes.ts';

export async function proveInFirefox(
  command: string,
  { seed, orders }: { seed: number; orders: number },
): Promise<BrowserResult> {
  const chance = random(seed);
  const between = (from: number, to: number): Promise<void> => sleep(from + chance() * (to - from));
  const ledger = new Ledger(random(seed + 1));
  const { server, origin } = await serve(ledger);
  await using firefox = await startFirefox(command);
  const open = async (): Promise<string> => {
    const tab = await firefox.open(origin);
    await firefox.evaluate(tab, `ready.then(() => 'ready')`);
    return tab;
  };
  const tabs = [await open(), await open()];
  const pick = (): string => tabs[Math.floor(chance() * tabs.length)]!;
  const count = { 'switched off': 0, closed: 0 };
  const statuses: Record<string, number> = {};
  let isOver = false;

  const switching = async (): Promise<void> => {
    for (; !isOver; await between(50, 1_500)) {
      const some = chance() < 0.5 ? [...tabs] : [pick()];
      count['switched off'] += 1;
      for (const isOffline of [true, false]) {
        for (const tab of some) await firefox.offline(tab, isOffline).catch(() => {}); // it may be closed
        if (isOffline) await between(10, 2_000);
      }
    }
  };
  const closing = async (): Promise<void> => {
    for (await between(500, 3_000); !isOver; await between(500, 4_000)) {
      const n = Math.floor(chance() * tabs.length);
      const former = tabs[n]!;
      tabs[n] = await open();
      count.closed += 1;
      await firefox.close(former);
    }
  };
  const breaking = async (): Promise<void> => {
    for (; !isOver; await between(200, 2_000)) {
      const share = (): number => (chance() < 0.5 ? 0 : 0.3 * chance());
      ledger.faults = { refused: share(), cutBefore: share(), cutAfter: share(), delay: 50 };
    }
  };
  const pressing = async (lane: string): Promise<void> => {
    for (let n = 1; n <= orders / lanes.length; n += 1) {
      for (let isKept = false; !isKept;) {
        const order = JSON.stringify({ from: 'app', lane, n });
        const pressed = firefox.evaluate(pick(), `press(${order})`).catch(() => 'tab gone');
        const status = await Promise.race([pressed, sleep(15_000, 'no response')]);
        statuses[status] = (statuses[status] ?? 0) + 1;
        isKept = status === '201' || status === '202';
        if (!isKept) await sleep(100);
      }
      await between(0, 400);
    }
  };
  const disturbing = Promise.all([switching(), closing(), breaking()]);
  await Promise.race([disturbing, Promise.all(lanes.map(pressing))]);
  isOver = true;
  await disturbing;

  ledger.faults = noFaults;
  for (const tab of tabs) await firefox.offline(tab, false);
  const waits = (): Promise<string> => firefox.evaluate(tabs[0]!, 'waits().then(String)');
  await until(async () => (await waits()) === '', 90, 'nothing waits');
  server.closeAllConnections();
  server.close();
  const faults = [...missing(ledger, orders), ...outOfOrder(ledger.executions)];
  return { orders, executed: ledger.executions.length, ...count, ...statuses, requests: ledger.requests, faults };
}
