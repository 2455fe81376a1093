/** Deno. */
import { join } from 'node:path';

import { installed, versionOf } from './cache.ts';
import type { Runtime } from './capabilities.ts';
import { program, runProgram } from './process.ts';
import type { Server } from './server.ts';

const without = { 'storage: `kyoa/indexeddb`': 'no IndexedDB' };

export function deno({ origin }: Server): Runtime {
  return {
    name: 'Deno 2',
    column: 'Deno',
    without,
    async run(check) {
      const folder = installed('deno', ['deno@2']);
      const command = join(folder, 'node_modules/.bin/deno');
      const args = ['run', '--allow-all', '--no-lock', '--node-modules-dir=manual', program];
      await runProgram({ command, args, input: { origin, without: Object.keys(without) } }, check);
      return versionOf(folder, 'deno');
    },
  };
}
