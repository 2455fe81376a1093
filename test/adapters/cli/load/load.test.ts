/** `kyoa load` against real servers, as a process of its own. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';

import { afterEach, describe, expect, test } from 'vitest';

import type { ContenderResult, Result } from '../../../../adapters/cli/load/result.ts';
import { loopback, type Loopback } from '../../../recipes/loopback.ts';
import { kyoa, loaded, start, startOnTerminal } from '../kyoa.ts';

const short = ['--for', '500ms', '--warmup', '0s'];

let server: Loopback | undefined;
afterEach(async () => {
  await server?.[Symbol.asyncDispose]();
  server = undefined;
});

async function serving(status: (index: number) => number | Promise<number>): Promise<string> {
  let index = 0;
  server = await loopback(async (_, response) => {
    response.statusCode = await status((index += 1));
    response.end('x'.repeat(100));
  });
  return `${server.url}/`;
}

describe('the open loop', () => {
  test('sends the calls of the schedule, and the warm-up before them', async () => {
    const url = await serving(() => 200);
    const { code, contenders, loop } = await loaded(url, '--for', '1s', '--warmup', '500ms', '--rate', '100');
    expect({ code, loop }).toEqual({ code: 0, loop: 'open' });
    expect(server!.seen).toHaveLength(150);
    expect(contenders).toMatchObject([{ name: 'kyoa', calls: 100, failed: 0, requestsPerCall: 1 }]);
  });

  test('sends each call, though all are alike', async () => {
    const url = await serving(() => sleep(200, 200));
    const [lane] = (await loaded(url, ...short, '--rate', '100')).contenders;
    expect([lane?.calls, server!.seen.length]).toEqual([50, 50]);
  });

  test('sends what it was asked to', async () => {
    const url = await serving(() => 200);
    await loaded(
      url,
      ...short,
      '--rate',
      '4',
      '--body',
      '{"a":1}',
      '--header',
      'x-shop: 7',
      '--header',
      'x-b: 2',
      '--no-policy',
    );
    const [{ method, headers }] = server!.seen as readonly [Loopback['seen'][number]];
    expect([method, headers['content-length'], headers['x-shop'], headers['x-b']]).toEqual(['POST', '7', '7', '2']);
  });

  test('rises to the peak, and has figures for each part', async () => {
    const url = await serving(() => 200);
    const args = ['--for', '1500ms', '--warmup', '0s', '--rate', '100', '--peak', '1.5'];
    const { contenders } = await loaded(url, ...args);
    expect(contenders[0]?.phases.map(({ name, calls }) => [name, calls])).toEqual([
      ['100/s', 50],
      ['rising to 150/s', 63],
      ['150/s', 75],
    ]);
  });

  test('leaves out calls above --max-in-flight, and says so', async () => {
    const url = await serving(() => sleep(600, 200));
    const { contenders, warnings } = await loaded(
      url,
      ...short,
      '--rate',
      '100',
      '--max-in-flight',
      '20',
      '--no-policy',
    );
    expect(contenders[0]).toMatchObject({ calls: 50, failed: 30, failures: { 'not sent': 30 } });
    expect(warnings.join()).toContain('30 calls were due while 20 were in flight, and were not sent');
    expect(server!.seen).toHaveLength(20);
  });
});

describe('kyoa beside plain fetch', () => {
  test('shows what the policies do', async () => {
    // An outage of twelve requests, which a call with four attempts outlives.
    const url = await serving((index) => (index < 12 ? 503 : 200));
    const { contenders } = await loaded(url, ...short, '--rate', '40', '--compare', '--timeout', '20s');
    const [own, plain] = contenders;
    expect(own).toMatchObject({ name: 'kyoa', calls: 20, transport: 'undici()' });
    expect(plain).toMatchObject({ name: 'plain fetch', calls: 20, requestsPerCall: 1, transport: 'global fetch' });
    expect(own!.failed).toBeLessThan(plain!.failed);
    expect(own!.requestsPerCall).toBeGreaterThan(1);
    expect(Object.keys(plain!.failures)).toEqual(['HTTP 503']);
  });
});

describe('failed calls', () => {
  test('of a server that is not there have a kind and a hint', async () => {
    const url = await serving(() => 200);
    await server![Symbol.asyncDispose]();
    server = undefined;
    const { contenders, warnings } = await loaded(url, ...short, '--no-policy');
    expect(contenders[0]).toMatchObject({ failed: 25, failures: { 'connection refused': 25 } });
    expect(warnings).toContain('No call succeeded (connection refused). Is the address right?');
  });

  test('end at the timeout', async () => {
    const url = await serving(() => new Promise<number>(() => {}));
    const args = [...short, '--rate', '4', '--timeout', '300ms', '--compare'];
    const { contenders } = await loaded(url, ...args);
    expect(contenders.map(({ failures }) => failures)).toEqual([{ 'timeout (total)': 2 }, { 'timeout (total)': 2 }]);
  });

  test('that never end do not hold the run, and are counted apart', { timeout: 20_000 }, async () => {
    server = await loopback((_, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write('data: 1\n\n');
      const timer = setInterval(() => response.write('data: 1\n\n'), 50);
      response.on('close', () => clearInterval(timer));
    });
    const { contenders, warnings } = await loaded(
      server.url,
      ...short,
      '--rate',
      '4',
      '--timeout',
      '500ms',
      '--no-policy',
    );
    expect(contenders[0]).toMatchObject({ calls: 0, unfinished: 2 });
    expect(warnings).toContain('No call that counts has ended.');
  });
});

describe('thresholds', () => {
  test('that are met end with exit code 0', async () => {
    const url = await serving(() => 200);
    const { code, stdout } = await kyoa('load', url, ...short, '--max-p99', '1m', '--max-errors', '0%');
    expect(code).toBe(0);
    expect(stdout).toMatch(/ok {6}--max-p99 60\.0 s: [\d.]+ m?s/);
    expect(stdout).toContain('ok      --max-errors 0 %: 0 %');
  });

  test('one of which is missed end with exit code 1', async () => {
    const url = await serving((index) => (index % 2 === 0 ? 404 : 200));
    const { code, stdout } = await kyoa('load', url, ...short, '--max-p99', '1m', '--max-errors', '5%');
    expect(code).toBe(1);
    expect(stdout).toContain('missed  --max-errors 5.0 %: 48.0 %');
  });
});

describe('Ctrl-C', () => {
  test('ends the run with what was measured so far', async () => {
    const url = await serving(() => 200);
    const run = start(['load', url, '--for', '10m', '--warmup', '0s', '--json']);
    await server!.arrived(30);
    run.child.kill('SIGINT');
    const { code, stdout } = await run.ended;
    const { interrupted, contenders, measured } = JSON.parse(stdout) as Result;
    expect({ code, interrupted }).toEqual({ code: 0, interrupted: true });
    expect(contenders[0]!.calls).toBeGreaterThanOrEqual(29);
    expect(measured).toBeLessThan(60_000);
  });

  test('does not wait for the calls in flight, and counts them apart', async () => {
    const url = await serving(() => new Promise<number>(() => {}));
    const run = start(['load', url, '--for', '10m', '--warmup', '0s', '--compare']);
    await server!.arrived(20);
    run.child.kill('SIGINT');
    const { code, stdout } = await run.ended;
    expect(code).toBe(0);
    expect(stdout).toMatch(/^unfinished +\d+ +\d+$/m);
    expect(await Promise.all(server!.seen.map(({ over }) => over))).not.toContain('complete');
  });
});

describe('the progress', () => {
  test('is a line now and then where the output is no terminal', async () => {
    const url = await serving(() => 200);
    const { stdout } = await kyoa('load', url, '--for', '2s', '--warmup', '0s');
    expect(stdout).toMatch(/^ +\d s {2}50\/s {2}kyoa: \d+\/s, \d+ in flight, p50 /m);
    expect(stdout).not.toContain('\u001B');
  });

  test('goes to stderr with --json', async () => {
    const url = await serving(() => 200);
    const { stdout, stderr } = await kyoa('load', url, '--for', '2s', '--warmup', '0s', '--json');
    expect(stderr).toMatch(/^ +\d s {2}50\/s/m);
    expect(stdout).toMatch(/^\{/);
  });

  test('is redrawn in place on a terminal, and then removed', async () => {
    const url = await serving(() => 200);
    const { stdout } = await startOnTerminal(['load', url, '--for', '1s', '--warmup', '0s']).ended;
    const [live, rest] = stdout.split('\u001B[?25h'); // shows the cursor again
    expect(live).toContain('\u001B[?25l');
    expect(live).toContain('\u001B[2K');
    expect(live).toContain('Ctrl-C ends the run.');
    expect(rest).toContain('requests per call');
  });
});

/** Responds at once, until it is stopped as a whole. */
const freezing = `require('node:http').createServer((_, response) => response.end('x')).listen(0, '127.0.0.1', function () {
  console.log(this.address().port);
})`;

describe('a server that freezes', () => {
  const pause = 1_500;
  let child: ChildProcess;
  afterEach(() => {
    child.kill('SIGKILL');
  });

  async function throughFreeze(...args: readonly string[]): Promise<ContenderResult> {
    child = spawn(process.execPath, ['--eval', freezing], { stdio: ['ignore', 'pipe', 'inherit'] });
    const [port] = (await once(child.stdout!, 'data')) as [Buffer];
    const url = `http://127.0.0.1:${port.toString().trim()}/`;
    const run = start(['load', url, '--warmup', '0s', '--for', '4s', '--no-policy', '--json', ...args]);
    await run.says(/^ +\d s/m);
    child.kill('SIGSTOP');
    await sleep(pause);
    child.kill('SIGCONT');
    const { stdout } = await run.ended;
    return (JSON.parse(stdout) as Result).contenders[0]!;
  }

  test('shows at the 99th percentile, because the calls that were due count', { timeout: 20_000 }, async () => {
    const { latency, calls, failed } = await throughFreeze('--rate', '100');
    expect([calls, failed]).toEqual([400, 0]);
    expect(latency.p99).toBeGreaterThan(0.9 * pause);
    expect(latency.p90).toBeGreaterThan(0.5 * pause);
  });

  test('is one slow call for the connection of a closed loop', { timeout: 20_000 }, async () => {
    const { latency, calls } = await throughFreeze('--connections', '1');
    expect(latency.max).toBeGreaterThan(0.9 * pause);
    expect(calls).toBeGreaterThan(200);
    expect(latency.p99).toBeLessThan(0.5 * pause);
  });
});
