/**
 * The files of docs/operations for Loki. No Loki runs here: the queries are parsed with Grafana's grammar of LogQL, every
 * name in them is one that a real line has, and the expressions of the collectors are evaluated on real lines.
 */
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';

import { parser } from '@grafana/lezer-logql';
import { search } from '@jmespath-community/jmespath';
import { beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';

import {
  chaos,
  constant,
  createFetch,
  idempotency,
  log,
  memory,
  retry,
  StorageError,
  trace,
  type Storage,
} from '../../src/index.ts';
import { root } from '../support/lanes.ts';

const read = (name: string): string => readFileSync(join(root, 'docs/operations', name), 'utf8');

interface Promtail {
  scrape_configs: { static_configs: { labels: Record<string, string> }[]; pipeline_stages: Stage[] }[];
}
interface Stage {
  json?: { expressions: Record<string, string> };
  labels?: Record<string, null>;
  structured_metadata?: Record<string, null>;
}
const { pipeline_stages: stages, static_configs: targets } = (parse(read('promtail.yml')) as Promtail)
  .scrape_configs[0]!;
const { expressions } = stages.find(({ json }) => json !== undefined)!.json!;
const labels = stages.flatMap((stage) => Object.keys(stage.labels ?? {}));
const metadata = stages.flatMap((stage) => Object.keys(stage.structured_metadata ?? {}));

const dashboard = JSON.parse(read('log-dashboard.json')) as {
  panels: { title: string; targets: { expr: string }[] }[];
};
const rules = (parse(read('log-alerts.yml')) as { groups: { rules: { alert: string; expr: string }[] }[] }).groups;
const queries = [
  ...dashboard.panels.flatMap(({ title, targets }) => targets.map(({ expr }) => ({ what: title, expr }))),
  ...rules.flatMap((group) => group.rules.map(({ alert, expr }) => ({ what: alert, expr }))),
].map(({ what, expr }) => ({
  what,
  query: expr.replaceAll('$__auto', '5m').replaceAll('$service', '.+').replaceAll('$slow', '1000'),
}));

/** Lines of each kind: good, retried, failed by status, network error, error of kyoa, disturbed by chaos. */
let lines: Record<string, unknown>[];

beforeAll(async () => {
  let answered = 0;
  const server = createServer(({ url }, response) => {
    answered += 1;
    response.writeHead(url === '/down' || (url === '/flaky' && answered % 2 === 1) ? 503 : 200).end('{}');
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const written: string[] = [];
  const fetch = createFetch({
    use: [
      log({ service: 'shop', write: (line) => written.push(line) }),
      idempotency({ storage: broken, when: () => true }),
      retry({ retries: 1, backoff: constant(1) }),
      trace(),
      chaos({ enabled: true, rate: 0, status: 503 }),
    ],
  });
  const call = (path: string, init?: Parameters<typeof fetch>[1]): Promise<unknown> =>
    fetch(origin + path, init).then(
      (response) => response.text(),
      () => undefined,
    );
  await call('/flaky');
  await call('/good?token=secret');
  await call('/down');
  await call('/good', { chaos: 1 });
  await call('/order', { method: 'POST', body: '{}', requestId: 'order-42' });
  server.close();
  server.closeAllConnections();
  await call('/refused');
  lines = written.map((line) => JSON.parse(line) as Record<string, unknown>);
});

const broken: Storage = {
  ...memory(),
  get: () => Promise.reject(new StorageError('the disk is full')),
};

/** The labels that `| json` makes of a line: members of members are joined by `_`. */
function flat(value: Record<string, unknown>, prefix = ''): [string, string][] {
  return Object.entries(value).flatMap(([name, member]) =>
    typeof member === 'object' && member !== null
      ? flat(member as Record<string, unknown>, `${prefix}${name}_`)
      : [[prefix + name, String(member)] as [string, string]],
  );
}

describe('the lines', () => {
  test('are of each kind', () => {
    expect(lines.map(({ level }) => level)).toEqual(['warn', 'info', 'error', 'error', 'error', 'error']);
    expect(lines.map(({ chaos }) => chaos)).toEqual([undefined, undefined, undefined, 2, undefined, undefined]);
  });
});

describe('the queries', () => {
  test.each(queries)('of $what parse as LogQL', ({ query }) => {
    const faults: string[] = [];
    parser.parse(query).iterate({
      enter({ type, from, to }) {
        if (type.isError) faults.push(`${query.slice(0, from)}<HERE>${query.slice(from, to)}`);
      },
    });
    expect(faults).toEqual([]);
  });

  test.each(queries)('of $what name what a line has', ({ query }) => {
    const known = new Set([...lines.flatMap((line) => flat(line).map(([name]) => name)), ...labels, 'job']);
    const names: string[] = [];
    parser.parse(query).iterate({
      enter({ name, from, to }) {
        if (name === 'Identifier') names.push(query.slice(from, to));
      },
    });
    for (const [, made] of query.matchAll(/label_format (\w+)=/g)) known.add(made!);
    const templates = query.match(/\{\{.*?\}\}/g) ?? [];
    for (const template of templates) for (const [, field] of template.matchAll(/ \.(\w+)/g)) names.push(field!);
    expect(names.length).toBeGreaterThan(0);
    expect(names.filter((name) => !known.has(name))).toEqual([]);
  });
});

describe('promtail.yml', () => {
  const extracted = (line: Record<string, unknown>): Record<string, unknown> =>
    Object.fromEntries(Object.entries(expressions).map(([name, path]) => [name, search(line as never, path)]));

  test('has labels of few values, and no identifier among them', () => {
    expect(targets[0]!.labels['job']).toBe('kyoa');
    expect(labels).toEqual(['level', 'service']);
    expect(new Set(lines.map((line) => labels.map((label) => extracted(line)[label]).join())).size).toBe(3);
  });

  test('extracts from every line the members that it needs, and the code of a failure', () => {
    for (const line of lines) {
      const { time, level, service, id, traceId } = extracted(line);
      expect({ time, level, service, id, traceId }).toEqual({
        time: line['time'],
        level: line['level'],
        service: 'shop',
        id: line['id'],
        traceId: line['traceId'] ?? null,
      });
    }
    expect(lines.map((line) => extracted(line)['code'])).toEqual([null, null, null, null, 'STORAGE', 'ECONNREFUSED']);
    expect([...labels, ...metadata].filter((name) => !(name in expressions))).toEqual([]);
  });
});

describe('vector.yaml', () => {
  interface Vector {
    transforms: { kyoa: { source: string } };
    sinks: { loki: { labels: Record<string, string>; structured_metadata: Record<string, string> } };
  }
  const { transforms, sinks } = parse(read('vector.yaml')) as Vector;

  test('sends the labels and the metadata of promtail.yml', () => {
    const { source } = transforms.kyoa;
    expect(Object.keys(sinks.loki.labels).toSorted()).toEqual(['job', ...labels].toSorted());
    expect(labels.filter((label) => !source.includes(`.${label} = line.${label}`))).toEqual([]);
    expect(sinks.loki.structured_metadata).toEqual({ '*': '{{ metadata }}' });
    expect(metadata.filter((name) => !source.includes(`"${name}": `))).toEqual([]);
  });
});
