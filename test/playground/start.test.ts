/** The whole of `npm start` without the build, so that `dist/` must exist. */
import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { describe, expect, onTestFinished, test } from 'vitest';

// The run, the wait for its last response, and a margin for a slow machine. The rate is low for the same reason.
const ENOUGH = 60_000;

describe('npm start', () => {
  test('exits, and reports a success of kyoa of at least 99.5 %', { timeout: ENOUGH }, async () => {
    const { code, stdout, stderr } = await start('--once', '--rate', '50', '--seconds', '6');
    expect(stderr).toBe('');
    expect(code).toBe(0);
    expect(success(stdout, 'kyoa')).toBeGreaterThanOrEqual(99.5);
    expect(success(stdout, 'plain fetch')).toBeLessThan(98);
    expect(stdout).toMatch(/plain fetch lost \d+\.\d % of 300 calls; kyoa lost (none|0\.\d %)/);
  });

  test('writes no escape codes without a terminal', { timeout: ENOUGH }, async () => {
    const { stdout } = await start('--once', '--rate', '50', '--seconds', '3', '--preset', 'steady');
    expect(stdout).not.toContain('\x1b');
    expect(stdout).toContain('plain fetch lost none of 150 calls; kyoa lost none'); // for a few copies of slow requests
  });

  test('serves until Ctrl-C after the table', { timeout: ENOUGH }, async () => {
    const child = launch('--rate', '50', '--seconds', '1', '--preset', 'steady');
    let stdout = '';
    for await (const chunk of child.stdout.setEncoding('utf8')) {
      stdout += String(chunk);
      if (stdout.includes('until Ctrl-C')) break;
    }
    expect(stdout).toContain('kyoa lost none');
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

  test('reports an invalid flag in one line', { timeout: ENOUGH }, async () => {
    const { code, stdout, stderr } = await start('--rate', 'fast');
    expect(code).toBe(1);
    expect(stdout).toBe('');
    expect(stderr).toBe("--rate must be a number from 1 to 1000, not 'fast'\n");
  });
});

function launch(...flags: string[]): ChildProcessByStdio<null, Readable, Readable> {
  const script = fileURLToPath(new URL('../../playground/start.ts', import.meta.url));
  const { FORCE_COLOR: _, ...env } = process.env; // a test runner with colours sets it
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

/** The percentage of success in the row of a contender. */
function success(output: string, name: string): number {
  const [, percent] = new RegExp(`^ +${name} +[\\d,]+ +([\\d.]+) %`, 'm').exec(output) ?? [];
  return Number(percent);
}
