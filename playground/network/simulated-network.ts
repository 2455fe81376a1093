/** The simulated network. It runs in the page; only its payments are in a storage that outlives the page. */
import type { Storage } from 'kyoa';
import { createApi } from './api.ts';
import { createLedger } from './ledger.ts';
import type { Network } from './network.ts';
import type { Settings } from './settings.ts';
import { simulatedFetch } from './simulated-fetch.ts';

export interface SimulatedOptions {
  readonly settings: Settings;
  /** The storage of the ledger, shared by all tabs. The network closes it. */
  readonly storage: Storage;
}

/** A host that never exists: RFC 6761 §6.4 reserves `.invalid`. */
const origin = 'https://api.flaky.invalid';

export function simulatedNetwork({ settings, storage }: SimulatedOptions): Network {
  const ledger = createLedger(storage);
  const api = createApi(settings, ledger);

  return {
    kind: 'simulated',
    origin,
    fetch: simulatedFetch(api),
    settings: async () => api.settings(),
    async change(patch) {
      api.change(patch);
      return api.settings();
    },
    stats: async () => api.stats(),
    payments: () => ledger.list(),
    clearPayments: () => ledger.clear(),
    close: () => storage.close(),
  };
}
