/** Chromium: the one of the browser lane. */
import { execFileSync } from 'node:child_process';

import { findChromium } from '../support/lanes.ts';
import { visit, type Browser, type Place } from './browser.ts';
import type { Runtime } from './capabilities.ts';
import type { Server } from './server.ts';
import { provided } from './tools.ts';

const without = {
  'storage: `kyoa/file`': 'no files',
  'transport: `kyoa/undici`': 'no sockets',
};

export function chromium(place: Place, server: Server): Runtime {
  return {
    name: `Chromium ${place}`,
    column: 'Chromium',
    without,
    async run(check) {
      const command = provided({ name: 'Chromium', package: 'chromium', find: findChromium });
      const browser: Browser = {
        command,
        args: (profile) => [
          '--headless',
          '--no-sandbox',
          '--disable-gpu',
          '--disable-background-networking',
          '--no-first-run',
          '--ignore-certificate-errors', // of the server over HTTP/2
          `--user-data-dir=${profile}`,
        ],
      };
      await visit(browser, { server, place, without: Object.keys(without) }, check);
      return /\d+/.exec(execFileSync(command, ['--version'], { encoding: 'utf8' }))![0];
    },
  };
}
