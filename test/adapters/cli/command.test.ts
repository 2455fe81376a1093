/** What `kyoa` says to a newcomer: its help, and what is wrong with a command line. */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { describe, expect, test } from 'vitest';

import { page } from '../../docs/pages.ts';
import { loopback } from '../../recipes/loopback.ts';
import { root } from '../../support/lanes.ts';
import { kyoa, kyoaHere, start, startOnTerminal, startWithOutput } from './kyoa.ts';

const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };

describe('kyoa', () => {
  test.each([[[]], [['--help']], [['-h']], [['help']]])('%j prints the commands', async (args) => {
    const { code, stdout, stderr } = await kyoa(...args);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/^Usage: kyoa/);
    expect(stdout).toContain('send calls by a schedule');
    expect(stdout).toContain('npx kyoa load http');
  });

  test.each([[['load', '--help']], [['help', 'load']]])('%j prints each option with its default', async (args) => {
    const { code, stdout } = await kyoa(...args);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^Usage: kyoa load <url> \[options\]/);
    expect(stdout).toMatch(/--rate <number> .*\(default: 50\)/);
    expect(stdout).toMatch(/--for <duration> .*\(default: 30s\)/);
    expect(stdout).toContain('Examples:');
  });

  test.each(['--version', '-v'])('%s prints the version', async (flag) => {
    expect(await kyoa(flag)).toEqual({ code: 0, stdout: `${manifest.version}\n`, stderr: '' });
  });
});

describe('a wrong command line', () => {
  const url = 'http://127.0.0.1:1/';

  test.each([
    [['laod'], `unknown command 'laod'`, 'Did you mean load?'],
    [['load'], 'load needs a URL', 'kyoa load http://127.0.0.1:8080/'],
    [['load', 'api.example.com/users'], 'is no URL', 'http://api.example.com/users'],
    [['load', 'ftp://api.example.com'], 'is no URL', 'http://api.example.com'],
    [['load', url, 'more'], 'too many arguments', 'more'],
    [['load', url, '--rat', '5'], `unknown option '--rat'`, 'Did you mean --rate?'],
    [['load', url, '--for', '60'], '--for', 'Write the unit as well: 60s'],
    [['load', url, '--for', '0s'], '--for', 'a duration above 0'],
    [['load', url, '--for', '5 days'], '--for', 'one of the units ms, s, m and h: 5s'],
    [['load', url, '--for', 'long'], '--for', 'a duration like 500ms'],
    [['load', url, '--rate', '0'], '--rate', 'calls a second: 200'],
    [['load', url, '--rate', '10m'], '--rate', 'calls a second: 200'],
    [['load', url, '--rate', '1_000_000'], '--rate', 'at most 100000'],
    [['load', url, '--peak', '150'], '--peak', '1.5 or 150%'],
    [['load', url, '--max-errors', '1'], '--max-errors', 'Write the unit as well: 1%'],
    [['load', url, '--max-errors', '101%'], '--max-errors', 'up to 100%'],
    [['load', url, '--max-p99', '500'], '--max-p99', '500ms'],
    [['load', url, '--max-in-flight', '1.5'], '--max-in-flight', 'a whole number from 1'],
    [['load', url, '--connections', '10', '--rate', '5'], '--connections', `cannot be used with option '--rate`],
    [['load', url, '--method', 'GE T'], '--method', 'GET or POST'],
    [['load', url, '--method', 'TRACE'], '--method', 'that fetch sends'],
    [['load', url, '--header', 'accept'], '--header', `'name: value', with a colon`],
    [['load', url, '--header', 'a b: c'], '--header', 'that HTTP allows'],
    [['load', url, '--body', '@nowhere.json'], '--body', 'no such file'],
    [['load', url, '--body', 'x', '--method', 'GET'], 'a GET has no body', '--method POST'],
    [['load', url, '--report'], '--report', 'argument missing'],
    [['load', url, '--report', '/nowhere/report.html'], '--report', 'no such file or directory'],
    [['load', url, '--report', '/'], '--report', 'the path of a file: /report.html'],
    [['load', url, '--report', ''], '--report', 'the path of a file'],
    [['load', url, '--for', '577h'], '--for', 'at most 576h'],
    [['load', url, '--connections', '9999999999'], '--connections', 'at most 1000000'],
    [['load', url, '--middleware', 'timeout'], '--middleware', 'has the name of a policy of kyoa: rename it'],
  ])('%j is refused with what to write', async (args, what, remedy) => {
    const { code, stdout, stderr } = await kyoaHere(...args);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(/^kyoa: /);
    expect(stderr).toContain(what);
    expect(stderr).toContain(remedy);
    expect(stderr).toContain(args[0] === 'load' ? 'kyoa load --help' : 'kyoa --help');
    expect(stderr).not.toMatch(/^\s+at /m);
  });
});

describe('docs/command-line.md', () => {
  const { tables, blocks } = page('docs/command-line.md');

  test.each(['check', 'advise', 'drill'])('lists the flags of %s', async (name) => {
    const { stdout } = await kyoa(name, '--help');
    const flags = Array.from(stdout.matchAll(/^ {2}(--[\w-]+)/gm), ([, flag]) => `\`${flag}\``);
    const rows = tables.find(({ header }) => header[0] === `flag of ${name}`)!.rows;
    expect(rows.map(([flag]) => flag)).toEqual(flags);
  });

  test('lists the flags of load, with their defaults', async () => {
    const { stdout } = await kyoa('load', '--help');
    const flags = Array.from(stdout.matchAll(/^ {2}(--[\w-]+)/gm), ([, flag]) => `\`${flag}\``);
    const rows = tables.find(({ header }) => header[0] === 'flag')!.rows;
    expect(rows.map(([flag]) => flag)).toEqual(flags);
    for (const [flag, , initial] of rows.filter(([, , initial]) => /^\d/.test(initial!)))
      expect(stdout.replaceAll(/\s+/g, ' ')).toMatch(
        new RegExp(`${flag!.slice(1, -1)} <[^(]*\\(default: ${initial}\\)`),
      );
  });

  test('shows what check prints', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'kyoa-docs-'));
    const [right, wrong] = blocks.filter(({ language }) => language === 'text').map(({ code }) => `${code}\n`);
    writeFileSync(join(folder, 'policy.json'), blocks.find(({ language }) => language === 'json')!.code);
    const lines = ['{', '"use": [', '{ "timeout": 1000 },', '{ "retry": { "retries": "two" } },', '{ "hegde": 0.1 }'];
    lines.push('],', '"routes": { "GET /users/*": { "limit": { "concurrency": 1 } } }', '}');
    writeFileSync(join(folder, 'wrong.json'), lines.join('\n'));
    expect((await start(['check', 'policy.json'], {}, folder).ended).stdout).toBe(right);
    expect((await start(['check', 'wrong.json'], {}, folder).ended).stdout).toBe(wrong);
    rmSync(folder, { recursive: true });
  });

  test('has commands that run', { timeout: 60_000 }, async () => {
    await using server = await loopback((_, response) => void response.end('x'));
    const soon: Readonly<Record<string, readonly string[]>> = {
      load: ['--for', '300ms', '--warmup', '0s', '--max-p99', '1m'],
      advise: ['--calls', '3'],
    };
    const lines = blocks.filter(({ language }) => language === 'sh').flatMap(({ code }) => code.split('\n'));
    expect(lines.length).toBeGreaterThan(4);
    const folder = mkdtempSync(join(tmpdir(), 'kyoa-docs-'));
    const [policy, faults] = blocks.filter(({ language }) => language === 'json').map(({ code }) => code);
    writeFileSync(join(folder, 'policy.json'), policy!);
    writeFileSync(join(folder, 'faults.json'), faults!.replaceAll(/"for": "\w+"/g, '"for": "300ms"'));
    for (const line of lines) {
      const args = line
        .replace(/^npx kyoa /, '')
        .replace(/ > .*| --report \S+/, '')
        .replace('http://127.0.0.1:8080', server.url);
      const { code } = await start([...args.split(' '), ...(soon[args.split(' ')[0]!] ?? [])], {}, folder).ended;
      expect({ line, code }).toEqual({ line, code: 0 });
    }
    rmSync(folder, { recursive: true });
  });
});

describe('an output that is closed', { timeout: 60_000 }, () => {
  test.each([
    [['--help'], 'stdout'],
    [['check', join(root, 'package.json')], 'stdout'],
    [['load', 'http://127.0.0.1:1/', '--for', '300ms', '--warmup', '0s'], 'stdout'],
    [['load', 'http://127.0.0.1:1/', '--for', '30s'], 'stdout'],
  ] as const)('ends %j without a stack trace', async (args, output) => {
    const { child, ended } = start(args);
    child[output]!.destroy();
    expect(await ended).toEqual({ code: 141, stdout: '', stderr: '' });
  });

  test.skipIf(!existsSync('/dev/full'))('a full disk is an error that says so', async () => {
    const { ended } = startWithOutput('/dev/full', ['--help']);
    const { code, stderr } = await ended;
    expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringMatching(/^kyoa: the output cannot .*ENOSPC/) });
  });
});

describe('colour', () => {
  const onTerminal = async (env: NodeJS.ProcessEnv): Promise<string> => {
    const { stdout } = await startOnTerminal(['--help'], env).ended;
    return stdout;
  };

  test('is there on a terminal', async () => {
    expect(await onTerminal({})).toContain('\u001B[1mUsage:');
  });

  test('is not there with NO_COLOR, nor in a pipe', async () => {
    const outputs = [await onTerminal({ NO_COLOR: '1' }), (await kyoa('--help')).stdout];
    for (const output of outputs) {
      expect(output).toContain('Usage:');
      expect(output).not.toContain('\u001B[');
    }
  });
});
