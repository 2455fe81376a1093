/**
 * The size budget of what a page loads. It is measured with rollup and terser, which also build the files for script
 * tags. Another bundler would measure files that are not shipped.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { bundled, sizeOf } from '../bench/lib/bundle.ts';
import { root } from './support/lanes.ts';

beforeAll(() => {
  if (!existsSync(join(root, 'dist/kyoa.global.js'))) execFileSync('npm', ['run', 'build'], { cwd: root });
}, 120_000);

describe('the size in min + gzip', { timeout: 60_000 }, () => {
  test('of createFetch with timeout, retry and dedupe is within its budget', async () => {
    const { gzipped } = await bundled(`import { createFetch, timeout, retry, dedupe } from 'kyoa';
      export default createFetch({ use: [timeout(30_000), dedupe(), retry()] });`);
    expect(gzipped).toBeLessThan(18_600);
  });

  test('of events is within its budget', async () => {
    const { gzipped } = await bundled(`export { events } from 'kyoa/events';`);
    expect(gzipped).toBeLessThan(7_850);
  });

  test('of outbox is within its budget', async () => {
    const { gzipped } = await bundled(`export { outbox } from 'kyoa/outbox';`);
    expect(gzipped).toBeLessThan(15_050);
  });

  test('of the file for script tags is within its budget', () => {
    expect(sizeOf(readFileSync(join(root, 'dist/kyoa.global.js'))).gzipped).toBeLessThan(65_700);
  });
});
