/** `kyoa check`: documents that are right, wrong, and hardly meant. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { PolicyCheck } from '../../../src/policy.ts';
import { kyoa } from './kyoa.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'kyoa-check-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

function document(text: string | Buffer): string {
  const file = join(folder, `${Math.random()}.json`);
  writeFileSync(file, text);
  return file;
}

describe('kyoa check', { timeout: 60_000 }, () => {
  test('says the stack and the routes in words', async () => {
    const file = document(
      JSON.stringify({
        use: [{ standard: { retry: { retries: 2 } } }, { hedge: 0.05 }],
        routes: { 'GET https://api.example.com/report/*': { timeout: { total: 120_000 }, hedge: false } },
      }),
    );
    const { code, stdout, stderr } = await kyoa('check', file);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toContain(`${file} is right.`);
    expect(stdout).toContain('retry sends a failed request again, up to 2 times');
    expect(stdout).toContain('For GET https://api.example.com/report/*: timeout {"total":120000}, no hedge.');
  });

  test('names all that is wrong with line, path and remedy, and exits with 1', async () => {
    const file = document('{\n  "use": [\n    { "retry": { "retries": "two" } },\n    { "hegde": {} }\n  ]\n}');
    const { code, stdout } = await kyoa('check', file);
    expect(code).toBe(1);
    expect(stdout).toContain('would be refused: 2 problems.');
    expect(stdout).toContain('line 3, use[0].retry.retries\n    must be a whole number of 0 or more, got "two"');
    expect(stdout).toContain('line 4, use[1].hegde\n    is no policy: do you mean hedge?');
  });

  test('has its findings in the order of their lines', async () => {
    const text = '{\n"routes": { "nowhere": {} },\n"use": [{ "retry": { "retries": "two" } }],\n"verson": 1\n}';
    const { problems } = JSON.parse((await kyoa('check', document(text), '--json')).stdout) as PolicyCheck;
    expect(problems.map(({ line }) => line)).toEqual([2, 3, 4]);
  });

  test('takes options of middleware of the program', async () => {
    const { code, stdout } = await kyoa(
      'check',
      document('{ "use": [{ "tenant": { "id": "a" } }] }'),
      '--middleware',
      'tenant',
    );
    expect({ code, stdout }).toEqual({ code: 0, stdout: expect.stringContaining('tenant is a middleware') });
  });

  test('refuses bytes that no source would read', async () => {
    const { code, stderr } = await kyoa('check', document(Buffer.from('{ "version": "M\xFCnchen" }', 'latin1')));
    expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringContaining('is not UTF-8') });
  });

  test('reports what is hardly meant, and exits with 1 if it is strict', async () => {
    const file = document('{ "use": [{ "timeout": 5000 }, { "retry": { "retries": 5, "budget": false } }] }');
    const lenient = await kyoa('check', file);
    expect(lenient.code).toBe(0);
    expect(lenient.stdout).toContain('a failing server gets 6 times the load');
    expect((await kyoa('check', file, '--strict')).code).toBe(1);
    expect((await kyoa('check', document('{}'), '--strict')).code).toBe(0);
  });

  test('takes the names of middleware, an environment, and the variables that are set', async () => {
    const file = document(
      JSON.stringify({
        use: ['tenant', 'standard', { endpoints: { list: [{ url: { env: 'KYOA_TEST_NOWHERE' } }] } }],
        environments: { production: { use: [{ retry: { retries: 9 } }] } },
      }),
    );
    expect((await kyoa('check', file)).stdout).toContain('use[0].tenant\n    is no policy');
    const known = await kyoa('check', file, '--middleware', 'tenant', '--environment', 'production');
    expect(known.code).toBe(0);
    expect(known.stdout).toContain('up to 9 times');
    const { code, stdout } = await kyoa('check', file, '--middleware', 'tenant', '--env');
    expect(code).toBe(1);
    expect(stdout).toContain('KYOA_TEST_NOWHERE, which is not set in the environment');
  });

  test('prints JSON', async () => {
    const { stdout } = await kyoa('check', document('{ "use": [{ "retry": { "retries": -1 } }] }'), '--json');
    const { problems } = JSON.parse(stdout) as PolicyCheck;
    expect(problems).toEqual([
      { path: 'use[0].retry.retries', line: 1, message: 'must be a whole number of 0 or more, got -1' },
    ]);
  });

  test('refuses a command line without a file, and a file that cannot be read', async () => {
    expect(await kyoa('check')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('kyoa check policy.json') as string,
    });
    expect(await kyoa('check', join(folder, 'nowhere.json'))).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('cannot be read: ENOENT') as string,
    });
  });
});
