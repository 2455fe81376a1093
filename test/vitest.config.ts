import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { playwright } from '@vitest/browser-playwright';
import { defineConfig } from 'vitest/config';

import { findChromium, lanes, root } from './support/lanes.ts';

const [major] = process.versions.node.split('.').map(Number);
if (major !== 24) throw new Error(`Tests run on Node 24, this is ${process.version}: start them with an npm script.`);

interface Manifest {
  readonly exports: Record<string, string | { readonly default: string }>;
  readonly dependencies: Record<string, string>;
}

const chromium = findChromium();
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as Manifest;

const lane = (name: keyof typeof lanes) => ({
  name,
  include: [...lanes[name].include],
  exclude: [...lanes[name].exclude],
});

export default defineConfig({
  root,
  // 'kyoa' and 'kyoa/...' resolve to the sources, without a build.
  resolve: {
    alias: Object.entries(manifest.exports).flatMap(([path, target]) =>
      typeof target === 'string'
        ? []
        : [
            {
              find: new RegExp(`^kyoa${path.slice(1)}$`),
              replacement: join(root, target.default.replace(/^\.\/dist\/(.*)\.js$/, '$1.ts')),
            },
          ],
    ),
  },
  test: {
    pool: 'forks',
    // Files run beside each other: most of their time is spent waiting. Without this, two cores have one worker.
    maxWorkers: 2,
    testTimeout: 10_000,
    hookTimeout: 20_000,
    projects: [
      {
        extends: true,
        // Tests of signals and heaps call `gc()`.
        test: { ...lane('node'), execArgv: ['--expose-gc'] },
      },
      {
        extends: true,
        test: { ...lane('dom'), environment: 'happy-dom', execArgv: ['--expose-gc'] },
      },
      {
        extends: true,
        // A dependency that is found during the run would reload the page.
        optimizeDeps: { include: Object.keys(manifest.dependencies) },
        test: {
          ...lane('browser'),
          globalSetup: 'test/support/browser-setup.ts',
          fileParallelism: false, // the files share one server, and some of them reset it
          browser: {
            enabled: true,
            headless: true,
            screenshotFailures: false,
            provider: playwright({
              launchOptions: {
                ...(chromium && { executablePath: chromium }),
                args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--no-first-run'],
              },
            }),
            instances: [{ browser: 'chromium' }],
          },
        },
      },
      {
        extends: true,
        test: { ...lane('redis'), execArgv: ['--expose-gc'] },
      },
      {
        extends: true,
        test: lane('etcd'),
      },
      {
        extends: true,
        test: { ...lane('nginx'), execArgv: ['--expose-gc'] },
      },
      {
        extends: true,
        // One file after another: a page that shares its cores with another one is late. Twice a click or a text had no effect, for
        // a reason that is not known; the report names what was tried again.
        test: { ...lane('pages'), execArgv: ['--expose-gc'], fileParallelism: false, retry: 1 },
      },
    ],
  },
});
