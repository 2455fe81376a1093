/** The checks inside a browser: in a page, in a worker or in a service worker. `browser.ts` bundles and serves this file. */
import { described, recorded, type Outcome } from './outcomes.ts';
import { smoke } from './smoke.ts';

interface ServiceWorkerScope {
  addEventListener(type: 'message', listener: (event: { waitUntil(work: Promise<void>): void }) => void): void;
}

const report = async (outcome: Outcome | 'end'): Promise<void> => {
  await fetch('/smoke/report', { method: 'POST', body: JSON.stringify(outcome) });
};

async function run(): Promise<void> {
  let reports = Promise.resolve();
  const write = (outcome: Outcome): void => void (reports = reports.then(() => report(outcome)));
  try {
    const options = (await (await fetch('/smoke/options')).json()) as { uploadOrigin: string; without: string[] };
    await smoke(recorded(write), { origin: location.origin, ...options });
  } catch (error) {
    write({ name: 'the checks run', error: described(error) });
  }
  await reports;
  await report('end');
}

// Not while it is installed: then Chromium sends the requests of a service worker one after the other.
if ('skipWaiting' in globalThis) {
  (globalThis as unknown as ServiceWorkerScope).addEventListener('message', (event) => event.waitUntil(run()));
} else void run();
