/**
 * A stand-in for Consul: its KV store as https://developer.hashicorp.com/consul/api-docs/kv and .../features/blocking describe
 * it. A query with an index is held until the index of the key is above it, or until `wait` and up to a sixteenth of it is
 * over; then it has the present state.
 */
import type { ServerResponse } from 'node:http';
import { clearTimeout, setTimeout } from 'node:timers'; // not those that a test moves

import { standIn, type StandIn } from './stand-in.ts';

export interface ConsulStandIn extends StandIn {
  put(key: string, text: string | Buffer): void;
  delete(key: string): void;
  /** A snapshot was restored: the indexes are below those of before. */
  restore(key: string, text: string, index: number): void;
  /** The status of queries while it is not 200, as 500 is without a leader. */
  status: number;
}

export async function startConsul({ token }: { readonly token?: string } = {}): Promise<ConsulStandIn> {
  const values = new Map<string, { readonly text: string | Buffer; readonly index: number }>();
  const held = new Set<() => void>();
  let index = 10;
  let deleted = 10;

  const indexOf = (key: string): number => values.get(key)?.index ?? deleted;
  const changed = (): void => {
    for (const look of held) look();
  };

  const server = await standIn(({ path, query, headers }, response) => {
    const key = decodeURIComponent(path.replace('/v1/kv/', ''));
    const since = Number(query.get('index') ?? 0);
    const refusal = token !== undefined && headers['x-consul-token'] !== token ? 403 : consul.status;
    if (refusal !== 200) {
      response.writeHead(refusal).end(refusal === 403 ? 'Permission denied: anonymous token' : 'No cluster leader');
      return;
    }
    const longest = durationOf(query.get('wait') ?? '5m');
    const end = (): void => {
      clearTimeout(timer);
      held.delete(look);
      send(response, key);
    };
    const look = (): void => {
      if (since === 0 || indexOf(key) > since) end();
    };
    const timer = setTimeout(end, longest + (Math.random() * longest) / 16);
    held.add(look);
    response.once('close', () => {
      clearTimeout(timer);
      held.delete(look);
    });
    look();
  });

  const send = (response: ServerResponse, key: string): void => {
    const value = values.get(key);
    const facts = { 'x-consul-index': indexOf(key), 'x-consul-knownleader': 'true', 'x-consul-lastcontact': '0' };
    response.writeHead(value === undefined ? 404 : 200, { ...facts, 'content-type': 'text/plain; charset=utf-8' });
    response.end(value?.text);
  };

  const consul: ConsulStandIn = Object.assign(server, {
    put(key: string, text: string | Buffer) {
      index += 1;
      values.set(key, { text, index });
      changed();
    },
    delete(key: string) {
      index += 1;
      deleted = index;
      values.delete(key);
      changed();
    },
    restore(key: string, text: string, restored: number) {
      index = restored;
      values.set(key, { text, index });
    },
    status: 200,
  });
  return consul;
}

/** Consul reads a duration of Go. */
function durationOf(text: string): number {
  const [, count, unit] = /^(\d+)(ms|s|m)$/.exec(text) ?? [];
  if (unit === undefined) throw new Error(`no duration: ${text}`);
  return Math.min(600_000, Number(count) * { ms: 1, s: 1_000, m: 60_000 }[unit as 'ms' | 's' | 'm']);
}
