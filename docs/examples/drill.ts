/**
 * A drill: two regions of two servers each, under load, one of which is lost. `node drill.ts` prints for each step what the
 * callers saw. Every server is a process of its own.
 */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import kyoa, { chaos, endpoints, observe, standard, type ChaosOptions } from 'kyoa';

/** What the callers saw in one step. */
export interface Seen {
  readonly step: string;
  readonly calls: number;
  readonly failed: number;
  /** The share of the responses that came from the first region. */
  readonly eu: number;
  /** ms. */
  readonly p50: number;
  readonly p99: number;
  readonly retries: number;
  readonly ejections: number;
}

/** `duration`: of each step, ms. `rate`: calls a second. */
export async function drill({ duration = 5_000, rate = 100 } = {}): Promise<readonly Seen[]> {
  const servers = await Promise.all(['eu', 'eu', 'us', 'us'].map(serve));
  const isLost = (url: string): boolean => servers.some(({ zone, origin }) => zone === 'eu' && url.startsWith(origin));

  let fault: ChaosOptions['error'];
  const injected = (error: NonNullable<ChaosOptions['error']>) =>
    chaos({ enabled: () => fault === error, rate: ({ url }) => (isLost(url) ? 1 : 0), error });
  const count = { retries: 0, ejections: 0 };
  const api = kyoa.create({
    use: [
      observe(({ type }) => {
        if (type === 'retry.scheduled') count.retries += 1;
        if (type === 'endpoint.ejected') count.ejections += 1;
      }),
      // An attempt that hangs costs its caller 300 ms, and then goes to the other region.
      ...standard({ timeout: { total: 3_000, headers: 300 } }),
      endpoints(
        servers.map(({ origin, zone }) => ({ url: origin, zone })),
        { zones: ['eu', 'us'], eject: { for: duration / 4 } },
      ),
      injected('refused'),
      injected('hang'),
    ],
  });

  const step = async (name: string): Promise<Seen> => {
    const times: number[] = [];
    const zones: string[] = [];
    let failed = 0;
    Object.assign(count, { retries: 0, ejections: 0 });
    const started = performance.now();
    const call = async (n: number, due: number): Promise<void> => {
      try {
        zones.push((await api.get(`https://api.example.com/items/${n}`).json<{ zone: string }>()).zone);
      } catch {
        failed += 1;
      }
      times.push(performance.now() - due);
    };
    const calls: Promise<void>[] = [];
    // At a steady rate, and timed from the moment when it was due: callers do not wait for each other.
    for (let due = started; due < started + duration; due += 1_000 / rate) {
      await sleep(Math.max(0, due - performance.now()));
      calls.push(call(calls.length, due));
    }
    await Promise.all(calls);
    times.sort((a, b) => a - b);
    const eu = zones.filter((zone) => zone === 'eu').length / zones.length;
    const [p50, p99] = [0.5, 0.99].map((q) => times[Math.floor(times.length * q)]!);
    return { step: name, calls: calls.length, failed, eu, p50: p50!, p99: p99!, ...count };
  };

  try {
    const seen = [await step('calm')];
    fault = 'refused';
    seen.push(await step('chaos: eu refuses'));
    fault = 'hang';
    seen.push(await step('chaos: eu hangs'));
    fault = undefined;
    seen.push(await step('chaos ends'));
    for (const { zone, kill } of servers) if (zone === 'eu') kill();
    seen.push(await step('eu is killed'));
    for (const { zone, restart } of servers) if (zone === 'eu') await restart();
    seen.push(await step('eu is back'));
    return seen;
  } finally {
    for (const { kill } of servers) kill();
  }
}

interface RegionalServer {
  readonly zone: string;
  readonly origin: string;
  readonly kill: () => void;
  readonly restart: () => Promise<void>;
}

async function serve(zone: string): Promise<RegionalServer> {
  const start = async (port: number): Promise<[ChildProcess, number]> => {
    const child = fork(join(import.meta.dirname, 'regional-server.ts'), [zone, String(port)], { execArgv: [] });
    const [listening] = (await once(child, 'message')) as [number];
    return [child, listening];
  };
  let [child, port] = await start(0);
  return {
    zone,
    origin: `http://127.0.0.1:${port}`,
    kill: () => void child.kill('SIGKILL'),
    async restart() {
      [child, port] = await start(port);
    },
  };
}

if (import.meta.main) {
  const rows = await drill();
  console.log(
    '| step | calls | failed | from eu | p50, ms | p99, ms | retries | ejections |\n|---|---|---|---|---|---|---|---|',
  );
  for (const { step, calls, failed, eu, p50, p99, retries, ejections } of rows)
    console.log(
      `| ${step} | ${calls} | ${failed} | ${Math.round(eu * 100)} % | ${p50.toFixed(0)} | ${p99.toFixed(0)} | ${retries} | ${ejections} |`,
    );
}
