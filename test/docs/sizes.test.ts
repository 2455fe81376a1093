/** docs/sizes.md has the sizes of what is built, and a row for each policy. `npm run docs:sizes` writes them. */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { beforeAll, describe, expect, test } from 'vitest';

import { bundled, sizeOf } from '../../bench/lib/bundle.ts';
import { singles, stacks } from '../../bench/lib/imports.ts';
import { root } from '../support/lanes.ts';
import { page } from './pages.ts';

const script = join(root, 'dist/kyoa.global.js');
const [whole, policies] = page('docs/sizes.md').tables;

/** The names and the numbers of a table, in bytes. */
function sizesIn(table: typeof whole): Map<string, number> {
  return new Map(table!.rows.map((row) => [/`([^`]+)`/.exec(row[0]!)![1]!, Number(row.at(-1)) * 1_000]));
}

/** A small change of the code need not change the page. */
function expectNear(said: number | undefined, measured: number): void {
  expect(said).toBeGreaterThan(measured * 0.97);
  expect(said).toBeLessThan(measured * 1.03);
}

beforeAll(() => {
  if (!existsSync(script)) execFileSync('npm', ['run', 'build'], { cwd: root });
}, 120_000);

describe('docs/sizes.md', () => {
  test.each(Object.entries(stacks))('has the size of %s', { timeout: 60_000 }, async (name, code) => {
    expectNear(sizesIn(whole).get(name), (await bundled(code)).gzipped);
  });

  test('has the size of the file for script tags', () => {
    expectNear(sizesIn(whole).get('kyoa.global.js'), sizeOf(readFileSync(script)).gzipped);
  });

  test('has a row for each policy', () => {
    expect([...sizesIn(policies).keys()].toSorted()).toEqual(Object.keys(singles));
  });

  test('has what a policy adds', { timeout: 60_000 }, async () => {
    const [alone, both] = await Promise.all([bundled(stacks['createFetch']!), bundled(singles['retry']!)]);
    expect(Math.abs(sizesIn(policies).get('retry')! - (both.gzipped - alone.gzipped))).toBeLessThan(400);
  });
});
