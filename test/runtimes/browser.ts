/** Starts an installed browser, without a driver: it opens a page of the server, and the page reports to the server. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';

import { bundle } from './bundle.ts';
import type { Check } from './capabilities.ts';
import { repeated, type Outcome } from './outcomes.ts';
import type { Server } from './server.ts';

export type Place = 'page' | 'module worker' | 'service worker';

/** The code of the page that starts the checks. */
const starts: Readonly<Record<Place, string>> = {
  page: `document.head.append(Object.assign(document.createElement('script'), { src: '/smoke/script.js' }));`,
  'module worker': `new Worker('/smoke/script.js', { type: 'module' });`,
  'service worker': `
    void navigator.serviceWorker.register('/smoke/script.js');
    void navigator.serviceWorker.ready.then(({ active }) => active.postMessage('run'));`,
};

export interface Browser {
  readonly command: string;
  /** `profile` is an empty folder. */
  readonly args: (profile: string) => readonly string[];
}

export interface Visit {
  readonly server: Server;
  readonly place: Place;
  readonly without: readonly string[];
}

const longest = 90_000;
const script = join(import.meta.dirname, 'page.ts');

export async function visit(browser: Browser, { server, place, without }: Visit, check: Check): Promise<void> {
  const code = await bundle(script);
  const files: Readonly<Record<string, readonly [type: string, content: string]>> = {
    '/smoke/page': ['text/html', `<!doctype html><title>kyoa</title><script>${starts[place]}</script>`],
    '/smoke/script.js': ['text/javascript', code],
    '/smoke/options': ['application/json', JSON.stringify({ uploadOrigin: server.secureOrigin, without })],
  };
  let checks = Promise.resolve();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const ended = new Promise<void>((resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`The page has not ended after ${longest} ms`)), longest);
    const receive = (body: string): void => {
      const outcome = JSON.parse(body) as Outcome | 'end';
      if (outcome === 'end') resolve(checks);
      else checks = checks.then(() => repeated(check, outcome));
    };
    server.page = (request, response) => {
      const file = files[request.url ?? ''];
      if (file !== undefined) response.setHeader('content-type', file[0]).end(file[1]);
      else if (request.url === '/smoke/report') {
        text(request)
          .then(receive)
          .then(() => response.end(), reject);
      } else return false;
      return true;
    };
  });

  const profile = mkdtempSync(join(tmpdir(), 'kyoa-browser-'));
  const child = spawn(browser.command, [...browser.args(profile), `${server.origin}/smoke/page`], {
    stdio: 'ignore',
    detached: true, // with a process group of its own, which ends with it
    env: { ...process.env, HOME: profile },
  });
  const closed = once(child, 'close');
  try {
    await Promise.race([ended, closed.then(() => Promise.reject(new Error('The browser has ended early')))]);
  } finally {
    clearTimeout(timer);
    server.page = () => false;
    if (child.exitCode === null && child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
    await closed;
    rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
  }
}
