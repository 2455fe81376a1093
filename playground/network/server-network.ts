/** The network of a page that the flaky server serves: calls go to that server, which keeps settings for each visit. */
import type { Stats } from './api.ts';
import { openDoors } from './doors.ts';
import type { Payment } from './ledger.ts';
import type { Network } from './network.ts';
import { settingError } from './settings.ts';
import type { Settings } from './settings.ts';

/** The limit of a request to the server's own paths, ms. A static host may take a while to respond with 404. */
const patience = 3_000;

/** Finds the flaky server at a URL without a slash at its end. `undefined` if there is none, as on a static host. */
export async function findServer(origin: string): Promise<Network | undefined> {
  const doors = await ask<{ readonly ports: readonly number[] }>(`${origin}/doors`).catch(() => undefined);
  return Array.isArray(doors?.ports) ? serverNetwork(origin, doors.ports) : undefined;
}

function serverNetwork(origin: string, ports: readonly number[]): Network {
  const visit = crypto.randomUUID();
  const control = `${origin}/control?visit=${visit}`;
  return {
    kind: 'server',
    origin,
    fetch: openDoors(origin, ports, visit),
    settings: () => ask<Settings>(control),
    async change(patch) {
      const response = await fetch(control, { method: 'PUT', body: JSON.stringify(patch) });
      if (response.ok) return (await response.json()) as Settings;
      const { field, error } = (await response.json()) as { readonly field: string; readonly error: string };
      throw settingError(field, error.replace(`${field} `, ''));
    },
    stats: () => ask<Stats>(`${origin}/stats?visit=${visit}`),
    payments: () => ask<readonly Payment[]>(`${origin}/payments`),
    async clearPayments() {
      await fetch(`${origin}/payments`, { method: 'DELETE' });
    },
    async close() {}, // the platform owns the connections
  };
}

async function ask<T>(url: string): Promise<T> {
  const response = await fetch(url, { cache: 'no-store', signal: AbortSignal.timeout(patience) });
  if (!response.ok) throw new Error(`${url} responded with status ${response.status}`);
  return (await response.json()) as T;
}
