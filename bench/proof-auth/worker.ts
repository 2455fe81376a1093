/** One process of an app whose calls share a token. It makes calls without a pause, and reports how they ended. */
import { setTimeout as sleep } from 'node:timers/promises';
import { createClient } from 'redis';

import { file } from '../../adapters/storage/file.ts';
import { redis } from '../../adapters/storage/redis.ts';
import kyoa, { auth, createFetch, retry, type Storage, type Token } from '../../src/index.ts';
import type { Grant } from '../../test/support/token-server.ts';

export interface Task {
  readonly storage: { readonly kind: 'file' | 'redis'; readonly place: string };
  readonly url: string;
  readonly lease: number;
}

/** Calls since the last report. */
export interface Report {
  readonly calls: number;
  readonly failures: readonly string[];
}

if (import.meta.main) {
  const { storage: where, url, lease } = JSON.parse(process.argv[2]!) as Task;
  const session = auth({
    storage: await open(where),
    lease,
    renew: async ({ token, signal }): Promise<Token> => {
      const body = new URLSearchParams({ grant_type: 'refresh_token', refresh_token: token?.refresh ?? 'none' });
      const grant = await kyoa.post<Grant>(`${url}/token`, { body, signal }).json();
      return { access: grant.access_token, refresh: grant.refresh_token };
    },
  });
  const fetch = createFetch({ use: [session, retry()] });
  let calls = 0;
  let failures: string[] = [];
  setInterval(() => {
    process.send!({ calls, failures } satisfies Report);
    [calls, failures] = [0, []];
  }, 50);
  process.on('disconnect', () => process.exit());
  const call = async (): Promise<void> => {
    try {
      const response = await fetch(`${url}/me`);
      await response.text();
      if (response.status !== 200) failures.push(`status ${response.status}`);
    } catch (error) {
      failures.push(String(error));
    }
    calls += 1;
  };
  const caller = async (): Promise<never> => {
    for (;;) {
      await call();
      await sleep(5);
    }
  };
  await Promise.all([caller(), caller(), caller()]);
}

async function open({ kind, place }: Task['storage']): Promise<Storage> {
  if (kind === 'file') return file(place);
  const client = createClient({ url: place });
  client.on('error', () => {});
  await client.connect();
  return redis(client);
}
