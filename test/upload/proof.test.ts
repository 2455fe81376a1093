/** A short run of bench/proof-upload.ts. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

import { expect, test } from 'vitest';

import { root } from '../support/lanes.ts';

test('uploads that are killed three times, in Node and in Chromium, over both protocols, arrive whole', () => {
  const script = join(root, 'bench/proof-upload.ts');
  const { status, stdout, stderr } = spawnSync(process.execPath, [script, '--smoke'], { encoding: 'utf8' });
  expect({ status, stderr }, stdout).toEqual({ status: 0, stderr: '' });
  expect(stdout).toContain('proved: all uploads arrived whole');
}, 120_000);
