/** The code that the page shows, executed as it is pasted: in a new process of Node, and in a page of Chromium. */
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, symlinkSync, writeFileSync, mkdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { catalogue } from '../../../playground/model/catalogue.ts';
import { generate } from '../../../playground/model/code.ts';
import { usualStack } from '../../../playground/model/configuration.ts';
import { scenarios } from '../../../playground/model/scenarios.ts';
import type { Stack } from '../../../playground/model/types.ts';
import { root } from '../../support/lanes.ts';
import { visitors, type Visitors } from './visit.ts';

const run = promisify(execFile);

/** Every policy with the options of an added layer, and all of them together; race alone, because it is like endpoints. */
const every: Stack = catalogue.map(({ name, initial }) => ({ id: name, policy: name, on: true, options: initial }));
const stacks: readonly (readonly [string, Stack])[] = [
  ['no layers', []],
  ['the usual onion', usualStack],
  ['all policies but race', every.filter(({ policy }) => policy !== 'race')],
  ['all policies but endpoints', every.filter(({ policy }) => policy !== 'endpoints')],
  ...scenarios.map(({ title, steps }) => [title, steps.at(-2)!.configuration.stack] as const),
];

describe.each(['server', 'simulated'] as const)(
  'the code of a page on the %s network',
  { timeout: 60_000 },
  (network) => {
    let guests: Visitors;
    let folder: string;
    beforeAll(async () => {
      guests = await visitors(network, 'steady');
      folder = mkdtempSync(join(tmpdir(), 'kyoa-paste-'));
      mkdirSync(join(folder, 'node_modules'));
      symlinkSync(root, join(folder, 'node_modules/kyoa'));
    }, 60_000);
    afterAll(async () => {
      await guests[Symbol.asyncDispose]();
      rmSync(folder, { recursive: true });
    });

    test('runs in Node as it is pasted, and ends', async () => {
      for (const [name, stack] of stacks) {
        const file = join(folder, 'call.mjs');
        writeFileSync(file, generate(stack, 'node', guests.url));
        const { stdout, stderr } = await run(process.execPath, [file], { cwd: folder });
        expect([name, stderr, stdout]).toEqual([name, '', expect.stringMatching(/^200 \{[^]*items\.json/)]);
      }
    });

    test('runs in a page of any origin as it is pasted', async () => {
      const page = await guests.browse();
      for (const [name, stack] of stacks) {
        const file = join(folder, 'page.html');
        writeFileSync(file, generate(stack, 'page', guests.url));
        await page.goto(pathToFileURL(file).href);
        await expect
          .poll(() => page.locator('body').textContent(), { message: name, timeout: 15_000 })
          .toMatch(/200\{[^]*items\.json/);
      }
      expect(guests.complaints).toEqual([]);
    });
  },
);
