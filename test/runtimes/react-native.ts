/**
 * Two stand-ins for React Native, in Node without the globals that React Native lacks: its own fetch, which is
 * whatwg-fetch, and Expo's. Both are the JavaScript from npm; the native half below them is ours.
 */
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { bundleModule } from './bundle.ts';
import { installed, unpacked, versionOf } from './cache.ts';
import type { Check, Runtime } from './capabilities.ts';
import { runProgram } from './process.ts';
import type { Server } from './server.ts';

const program = join(import.meta.dirname, 'react-native/program.ts');

const noStreams = 'no streams';
const without = {
  'storage: `kyoa/file`': 'no files',
  'storage: `kyoa/indexeddb`': 'no IndexedDB',
  'transport: `kyoa/undici`': 'no sockets',
};
const withoutStreams = {
  ...without,
  '`timeout`: idle': noStreams,
  'a stream as request body': noStreams,
  'a stream as response body': noStreams,
  'an event stream': noStreams,
};

export function reactNative({ origin }: Server): Runtime {
  return {
    name: 'React Native (stand-in)',
    column: 'React Native (stand-in)',
    without: withoutStreams,
    async run(check) {
      const folder = packages();
      const streams = join(folder, 'node_modules/web-streams-polyfill/dist/polyfill.js');
      await run({ origin, without: Object.keys(withoutStreams), streams, whatwgFetch: whatwgFetch(folder) }, check);
      return `whatwg-fetch ${versionOf(folder, 'whatwg-fetch')}`;
    },
  };
}

export function expo({ origin }: Server): Runtime {
  return {
    name: 'Expo (stand-in)',
    column: 'Expo (stand-in)',
    without,
    async run(check) {
      const { folder, version } = unpacked('expo@58');
      const bundles = mkdtempSync(join(tmpdir(), 'kyoa-expo-'));
      try {
        const expoFetch = join(bundles, 'fetch.mjs');
        writeFileSync(expoFetch, await fetchOf(folder));
        const streams = join(bundles, 'streams.cjs');
        copyFileSync(join(folder, 'virtual/streams.js'), streams);
        await run(
          { origin, without: Object.keys(without), streams, expoFetch, whatwgFetch: whatwgFetch(packages()) },
          check,
        );
      } finally {
        rmSync(bundles, { recursive: true });
      }
      return version;
    },
  };
}

function run(input: object, check: Check): Promise<void> {
  return runProgram({ command: process.execPath, args: [program], input }, check);
}

function packages(): string {
  return installed('react-native', ['whatwg-fetch@3.6.20', 'web-streams-polyfill@4']);
}

function whatwgFetch(folder: string): string {
  return join(folder, 'node_modules/whatwg-fetch/dist/fetch.umd.js');
}

/** Expo's fetch, over the native module that `program.ts` provides. */
function fetchOf(folder: string): Promise<string> {
  const winter = join(folder, 'src/winter');
  return bundleModule(winter, {
    entry: `export { fetch } from './fetch/fetch'; export { DOMException } from './DOMException';`,
    ExpoFetchModule: 'export const { ExpoFetchModule } = globalThis;',
  });
}
