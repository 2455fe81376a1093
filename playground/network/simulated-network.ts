/** The simulated network: everything within the page, and what was paid in a storage that outlives it. */
import type { Storage } from 'kyoa';
import { createApi } from './api.ts';
import { createLedger } from './ledger.ts';
import type { Network } from './network.ts';
import type { Settings } from './settings.ts';
import { simulatedFetch } from './simulated-fetch.ts';

export interface SimulatedOptions {
  readonly settings: Settings;
  /** Of the ledger: what was paid, for all tabs. Closed with the network. */
  readonly storage: Storage;
}

/** No such host exists, nor may it: RFC 6761 §6.4. */
const origin = 'https://api.flaky.invalid';

export function simulatedNetwork({ settings, storage }: SimulatedOptions): Network {
  const ledger = createLedger(storage);
  const api = createApi(settings, ledger);

  return {
    kind: 'simulated',
    origin,
    fetch: simulatedFetch(api),
    settings: async () => api.settings(),
    async change(wish) {
      api.change(wish);
      return api.settings();
    },
    stats: async () => api.stats(),
    payments: () => ledger.list(),
    clearPayments: () => ledger.clear(),
    close: () => storage.close(),
  };
}
