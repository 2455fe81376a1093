/** The network of a flaky server, as a page sees it that the server has served. */
import type { Stats } from './api.ts';
import { openDoors } from './doors.ts';
import type { Payment } from './ledger.ts';
import type { Network } from './network.ts';
import { settingError } from './settings.ts';
import type { Settings } from './settings.ts';

/** ms; a static host may be slow to say that it has no such path. */
const patience = 3_000;

/** The server beneath a URL, without a slash at its end; undefined where there is none, as on a static host. */
export async function findServer(origin: string): Promise<Network | undefined> {
  const doors = await ask<{ readonly ports: readonly number[] }>(`${origin}/doors`).catch(() => undefined);
  return Array.isArray(doors?.ports) ? serverNetwork(origin, doors.ports) : undefined;
}

function serverNetwork(origin: string, ports: readonly number[]): Network {
  return {
    kind: 'server',
    origin,
    fetch: openDoors(origin, ports),
    settings: () => ask<Settings>(`${origin}/control`),
    async change(wish) {
      const response = await fetch(`${origin}/control`, { method: 'PUT', body: JSON.stringify(wish) });
      if (response.ok) return (await response.json()) as Settings;
      const { field, error } = (await response.json()) as { readonly field: string; readonly error: string };
      throw settingError(field, error.replace(`${field} `, ''));
    },
    stats: () => ask<Stats>(`${origin}/stats`),
    payments: () => ask<readonly Payment[]>(`${origin}/payments`),
    async clearPayments() {
      await fetch(`${origin}/payments`, { method: 'DELETE' });
    },
    async close() {}, // the connections are the platform's
  };
}

async function ask<T>(url: string): Promise<T> {
  const response = await fetch(url, { cache: 'no-store', signal: AbortSignal.timeout(patience) });
  if (!response.ok) throw new Error(`${url} answers ${response.status}`);
  return (await response.json()) as T;
}
