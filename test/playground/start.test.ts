/** The whole of `npm start` but the build: this needs `dist/`. */
import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { describe, expect, onTestFinished, test } from 'vitest';

// The run itself, then as long as a caller may wait for its last answer, then the machine's own pace.
const ENOUGH = 30_000;

describe('npm start', () => {
  test('ends by itself and says that kyoa answered at least 99.5 %', { timeout: ENOUGH }, async () => {
    const { code, stdout, stderr } = await start('--once', '--seconds', '2');
    expect(stderr).toBe('');
    expect(code).toBe(0);
    expect(success(stdout, 'kyoa')).toBeGreaterThanOrEqual(99.5);
    expect(success(stdout, 'plain fetch')).toBeLessThan(98);
    expect(stdout).toMatch(/plain fetch lost \d+\.\d % of 300 calls; kyoa lost (none|0\.\d %)/);
  });

  test('writes no escape codes where there is no terminal', { timeout: ENOUGH }, async () => {
    const { stdout } = await start('--once', '--seconds', '1', '--preset', 'steady');
    expect(stdout).not.toContain('\x1b');
    expect(stdout).toContain('plain fetch lost none of 150 calls; kyoa lost none.');
  });

  test('goes on serving after the table, until Ctrl-C', { timeout: ENOUGH }, async () => {
    const child = launch('--seconds', '1', '--preset', 'steady');
    let stdout = '';
    for await (const chunk of child.stdout.setEncoding('utf8')) {
      stdout += String(chunk);
      if (stdout.includes('until Ctrl-C')) break;
    }
    expect(stdout).toContain('kyoa lost none.');
    const [, url] = /server +(\S+)/.exec(stdout) ?? [];
    expect((await fetch(`${url}/api/items`)).status).toBe(200);
    child.kill('SIGINT');
    expect(await once(child, 'close')).toEqual([0, null]);
  });

  test('shows its flags', { timeout: ENOUGH }, async () => {
    const { code, stdout } = await start('--help');
    expect(code).toBe(0);
    expect(stdout).toContain('--preset <name>');
  });

  test('complains about a bad flag in one line', { timeout: ENOUGH }, async () => {
    const { code, stdout, stderr } = await start('--rate', 'fast');
    expect(code).toBe(1);
    expect(stdout).toBe('');
    expect(stderr).toBe("--rate must be a number from 1 to 1000, not 'fast'\n");
  });
});

function launch(...flags: string[]): ChildProcessByStdio<null, Readable, Readable> {
  const script = fileURLToPath(new URL('../../playground/start.ts', import.meta.url));
  const { FORCE_COLOR: _, ...env } = process.env; // a test runner in colour hands it on
  const child = spawn(process.execPath, [script, ...flags], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  onTestFinished(() => void child.kill());
  return child;
}

async function start(...flags: string[]): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const child = launch(...flags);
  const [stdout, stderr, [code]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'close') as Promise<[number | null]>,
  ]);
  return { code, stdout, stderr };
}

/** The per cent of success in a contender's row of the table. */
function success(output: string, name: string): number {
  const [, percent] = new RegExp(`^ +${name} +[\\d,]+ +([\\d.]+) %`, 'm').exec(output) ?? [];
  return Number(percent);
}
