/** A real Prometheus for tests, with its data in a new folder and on a free port. `stop` removes both. */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

import { findPrometheus, findPromtool } from './lanes.ts';
import { freePort } from './redis.ts';

export interface Alert {
  readonly labels: Readonly<Record<string, string>>;
  readonly state: 'pending' | 'firing';
}

export interface Series {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: readonly [time: number, value: string];
}

export interface PrometheusServer {
  readonly alerts: () => Promise<readonly Alert[]>;
  readonly query: (expression: string) => Promise<readonly Series[]>;
  /** Whether the last scrape of every target succeeded. */
  readonly scrapes: () => Promise<boolean>;
  readonly stop: () => Promise<void>;
}

export interface Setting {
  /** The host:port of each process that is scraped, as the job `shop`. */
  readonly targets: readonly string[];
  /** The texts of the rule files. */
  readonly rules: readonly string[];
  /** The time between scrapes and between evaluations of the rules, in ms. */
  readonly interval: number;
}

export async function startPrometheus({ targets, rules, interval }: Setting): Promise<PrometheusServer> {
  const command = findPrometheus();
  if (command === undefined) throw new Error('prometheus is not installed: apt-get install prometheus');
  const folder = mkdtempSync(join(tmpdir(), 'kyoa-prometheus-'));
  const files = rules.map((text, index) => {
    const file = join(folder, `rules-${index}.yml`);
    writeFileSync(file, text);
    return file;
  });
  writeFileSync(
    join(folder, 'prometheus.yml'),
    JSON.stringify({
      global: {
        scrape_interval: `${interval}ms`,
        scrape_timeout: `${interval}ms`,
        evaluation_interval: `${interval}ms`,
      },
      rule_files: files,
      scrape_configs: [{ job_name: 'shop', static_configs: [{ targets }] }],
    }),
  );
  const address = `127.0.0.1:${await freePort()}`;
  const server = spawn(
    command,
    [
      `--config.file=${join(folder, 'prometheus.yml')}`,
      `--storage.tsdb.path=${join(folder, 'data')}`,
      `--web.listen-address=${address}`,
    ],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  );
  const exit = once(server, 'exit');
  const stop = async (): Promise<void> => {
    server.kill('SIGKILL');
    await exit;
    rmSync(folder, { recursive: true, force: true });
  };
  const ask = async <Data>(path: string): Promise<Data> => {
    const reply = (await (await fetch(`http://${address}/api/v1/${path}`)).json()) as { data: Data; error?: string };
    if (reply.error !== undefined) throw new Error(`${path}: ${reply.error}`);
    return reply.data;
  };

  const lines: string[] = [];
  for await (const line of createInterface(server.stderr)) {
    lines.push(line);
    if (!line.includes('Server is ready to receive web requests')) continue;
    // The output is read, because a full pipe would stop the server.
    server.stderr.resume();
    return {
      alerts: async () => (await ask<{ alerts: Alert[] }>('alerts')).alerts,
      query: async (expression) =>
        (await ask<{ result: Series[] }>(`query?query=${encodeURIComponent(expression)}`)).result,
      scrapes: async () => {
        const { activeTargets } = await ask<{ activeTargets: { health: string }[] }>('targets');
        return activeTargets.every(({ health }) => health === 'up');
      },
      stop,
    };
  }
  await stop();
  throw new Error(`prometheus has ended: ${lines.join('\n')}`);
}

/** The output of `promtool check rules file` or `promtool check metrics`. Throws the output if the check fails. */
export function promtool(args: readonly string[], input?: string): string {
  const command = findPromtool();
  if (command === undefined) throw new Error('promtool is not installed: apt-get install prometheus');
  return execFileSync(command, args, { encoding: 'utf8', ...(input !== undefined && { input }) });
}
