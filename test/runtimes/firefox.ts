/** Firefox, as Debian packages it. */
import { execFileSync } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { visit, type Browser, type Place } from './browser.ts';
import type { Runtime } from './capabilities.ts';
import type { Server } from './server.ts';
import { provided } from './tools.ts';

const without = {
  'a stream as request body': 'not in Firefox',
  'storage: `kyoa/file`': 'no files',
  'transport: `kyoa/undici`': 'no sockets',
};

/** A first start opens no page of its own and asks for nothing. */
const preferences = {
  'browser.aboutwelcome.enabled': false,
  'browser.shell.checkDefaultBrowser': false,
  'datareporting.policy.dataSubmissionEnabled': false,
  'toolkit.telemetry.reportingpolicy.firstRun': false,
  'app.update.disabledForTesting': true,
  'app.normandy.enabled': false,
  'services.settings.server': '',
  'network.captive-portal-service.enabled': false,
  'network.connectivity-service.enabled': false,
};

export function firefox(place: Place, server: Server): Runtime {
  return {
    name: `Firefox ${place}`,
    column: 'Firefox',
    without,
    async run(check) {
      const command = provided({ name: 'Firefox', package: 'firefox-esr', find: findFirefox });
      const browser: Browser = {
        command,
        args: (profile) => {
          const lines = Object.entries(preferences).map(
            ([name, value]) => `user_pref("${name}", ${JSON.stringify(value)});`,
          );
          writeFileSync(join(profile, 'user.js'), lines.join('\n'));
          return ['--headless', '--no-remote', '--profile', profile];
        },
      };
      await visit(browser, { server, place, without: Object.keys(without) }, check);
      return /\d+/.exec(execFileSync(command, ['--version'], { encoding: 'utf8' }))![0];
    },
  };
}

function findFirefox(): string | undefined {
  return [process.env['FIREFOX_PATH'], '/usr/bin/firefox-esr', '/usr/bin/firefox'].find(
    (path) => path && existsSync(path),
  );
}
