/** `kyoa drill`: a policy, a list of faults, and what callers saw. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { drillOf } from '../../../adapters/cli/drill/drill-file.ts';
import { kyoa, start } from './kyoa.ts';

let folder: string;
let policy: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'kyoa-drill-'));
  policy = file('policy.json', {
    use: [
      { timeout: { total: 2_000 } },
      { retry: { retries: 3, backoff: { constant: [10] } } },
      { timeout: { headers: 300 } },
      { endpoints: { list: [{ url: 'https://eu.example.com' }, { url: 'https://us.example.com' }] } },
    ],
  });
});
afterAll(() => rmSync(folder, { recursive: true }));

function file(name: string, content: unknown): string {
  const path = join(folder, name);
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content));
  return path;
}

interface Facts {
  readonly calls: number;
  readonly failed: number;
  readonly failures: Readonly<Record<string, number>>;
  readonly requests: number;
  readonly events: Readonly<Record<string, number>>;
}

describe('kyoa drill', { timeout: 60_000 }, () => {
  test('says what a program would refuse: a variable that is not set, and middleware without a name', async () => {
    const faults = file('short.json', { steps: [{ for: '100ms' }] });
    const unset = file('unset.json', { use: [{ endpoints: { list: [{ url: { env: 'KYOA_TEST_NOWHERE' } }] } }] });
    const own = file('own.json', { use: ['standard', { tenant: { id: 'acme' } }] });
    for (const [document, expected] of [
      [unset, 'refers to KYOA_TEST_NOWHERE, which is not set'],
      [own, 'belong into --middleware'],
    ] as const) {
      const { code, stderr } = await kyoa('drill', document, faults);
      expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringContaining(expected) });
    }
    expect((await kyoa('drill', own, faults, '--middleware', 'tenant')).code).toBe(0);
  });

  test('walks through the faults, and says what callers saw with the policy and with plain fetch', async () => {
    const faults = file('faults.json', {
      rate: 100,
      latency: ['1ms', '2ms'],
      steps: [
        { name: 'all is well', for: '300ms' },
        { name: 'eu is down', for: '300ms', at: 'https://eu.example.com/*', error: 'refused' },
        { name: 'half fails', for: '300ms', rate: 0.5, status: 503 },
        { name: 'all is down', for: '300ms', error: 'reset' },
      ],
    });
    const { code, stdout } = await kyoa('drill', policy, faults, '--json');
    expect(code).toBe(0);
    const [well, eu, half, down] = JSON.parse(stdout) as { step: string; kyoa: Facts; plainFetch: Facts }[];
    expect(well).toMatchObject({ step: 'all is well', kyoa: { failed: 0 }, plainFetch: { failed: 0 } });
    expect(well!.kyoa.calls).toBeGreaterThan(20);
    expect(eu!.kyoa.failed).toBe(0);
    expect(eu!.kyoa.events['retry.scheduled']).toBeGreaterThan(0);
    expect(half!.plainFetch.failures['HTTP 503']).toBeGreaterThan(3);
    expect(half!.kyoa.requests).toBeGreaterThan(half!.kyoa.calls);
    expect(down!.kyoa).toMatchObject({ failed: down!.kyoa.calls });
    expect(down!.plainFetch.failures).toEqual({ 'connection reset': down!.plainFetch.calls });
  });

  test('exits with 1 if more calls fail than are permitted', async () => {
    const faults = file('down.json', { rate: 100, steps: [{ for: '200ms', status: 500 }] });
    expect((await kyoa('drill', policy, faults, '--max-errors', '0%')).code).toBe(1);
    expect((await kyoa('drill', policy, faults)).code).toBe(0);
  });

  test('ends at Ctrl-C with what it has seen', async () => {
    const faults = file('long.json', { rate: 20, steps: [{ name: 'long', for: '60s' }] });
    const drill = start(['drill', policy, faults]);
    await drill.says(/long: no fault, for 60 s/);
    drill.child.kill('SIGINT');
    const { code, stdout } = await drill.ended;
    expect({ code, said: stdout }).toEqual({ code: 0, said: expect.stringContaining('with the policy') as string });
  });

  test.each([
    ['{', 'it is no JSON'],
    ['{}', 'steps must be a list with at least one member'],
    ['{ "steps": [{ "for": "5" }] }', 'steps[0].for: Write the unit as well: 5s'],
    ['{ "steps": [{ "rate": 20, "status": 503 }] }', 'steps[0].rate must be a share from 0 to 1, got 20'],
    ['{ "steps": [{ "error": "rest" }] }', 'steps[0].error must be "refused", "reset", "hang", got "rest"'],
    ['{ "steps": [{ "status": 99 }] }', 'steps[0].status must be a status from 200 to 599'],
    ['{ "steps": [{ "stauts": 503 }] }', 'steps[0] has no member stauts; it has name'],
    ['{ "urls": ["example"], "steps": [{}] }', 'urls[0]: Write the whole address'],
  ])('refuses the list of faults %s', (text, message) => {
    expect(() => drillOf(text)).toThrow(message);
  });

  test('says which file is wrong', async () => {
    const wrong = file('wrong.json', '{ "use": [{ "retry": { "retries": -1 } }] }');
    const faults = file('one.json', { steps: [{}] });
    const { code, stderr } = await kyoa('drill', wrong, faults);
    expect({ code, stderr }).toEqual({
      code: 2,
      stderr: expect.stringContaining('line 1, use[0].retry.retries must be a whole number') as string,
    });
    expect((await kyoa('drill', policy)).stderr).toContain('drill needs two files');
  });
});
