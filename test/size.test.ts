/**
 * The size budget of what a page loads. A test and not a tool of its own: rollup and terser, which build the files for
 * script tags, are here, and a second bundler would measure something else than what is shipped.
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

describe('in min + gzip', () => {
  test('createFetch with timeout, retry and dedupe stays within its budget', async () => {
    const { gzipped } = await bundled(`import { createFetch, timeout, retry, dedupe } from 'kyoa';
      export default createFetch({ use: [timeout(30_000), dedupe(), retry()] });`);
    expect(gzipped).toBeLessThan(13_200);
  });

  test('the whole file for script tags stays within its budget', () => {
    expect(sizeOf(readFileSync(join(root, 'dist/kyoa.global.js'))).gzipped).toBeLessThan(40_500);
  });
});
