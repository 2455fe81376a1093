/** Bun. */
import { join } from 'node:path';

import { installed, versionOf } from './cache.ts';
import type { Runtime } from './capabilities.ts';
import { program, runProgram } from './process.ts';
import type { Server } from './server.ts';

const without = { 'storage: `kyoa/indexeddb`': 'no IndexedDB', 'transport: `kyoa/undici`': 'Bun has its own undici' };

export function bun({ origin }: Server): Runtime {
  return {
    name: 'Bun 1',
    column: 'Bun',
    without,
    async run(check) {
      const folder = installed('bun', ['bun@1']);
      const command = join(folder, 'node_modules/.bin/bun');
      const args = ['run', program];
      await runProgram({ command, args, input: { origin, without: Object.keys(without) } }, check);
      return versionOf(folder, 'bun');
    },
  };
}
