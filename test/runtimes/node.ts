/** Node, in each major version that kyoa supports. */
import { join } from 'node:path';

import { installed, versionOf } from './cache.ts';
import type { Runtime } from './capabilities.ts';
import { program, runProgram } from './process.ts';
import type { Server } from './server.ts';

const without = { 'storage: `kyoa/indexeddb`': 'no IndexedDB' };

export function node(major: number, { origin }: Server): Runtime {
  return {
    name: `Node ${major}`,
    column: 'Node',
    without,
    async run(check) {
      const folder = installed(String(major), [`node@${major}`]);
      const command = join(folder, 'node_modules/node/bin/node');
      const input = { origin, without: Object.keys(without) };
      await runProgram({ command, args: [program], input }, check);
      return versionOf(folder, 'node');
    },
  };
}
