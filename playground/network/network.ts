/** Where the calls go: one face for the flaky server and for its image within the page. */
import type { Stats } from './api.ts';
import type { Payment } from './ledger.ts';
import type { Patch, Settings } from './settings.ts';
import type { Fetch } from './simulated-fetch.ts';

export interface Network {
  readonly kind: 'server' | 'simulated';
  /** What stands before the paths of the API, without a slash at its end. */
  readonly origin: string;
  readonly fetch: Fetch;
  readonly settings: () => Promise<Settings>;
  /** Rejects with a `SettingError` for a value that is no good. */
  readonly change: (wish: Patch) => Promise<Settings>;
  readonly stats: () => Promise<Stats>;
  /** Newest first; of all tabs, and of earlier loads of the page. */
  readonly payments: () => Promise<readonly Payment[]>;
  readonly clearPayments: () => Promise<void>;
  readonly close: () => Promise<void>;
}
