/** The network that the calls use. The flaky server and the network simulated in the page have the same interface. */
import type { Stats } from './api.ts';
import type { Payment } from './ledger.ts';
import type { Patch, Settings } from './settings.ts';
import type { Fetch } from './simulated-fetch.ts';

export interface Network {
  readonly kind: 'server' | 'simulated';
  /** The prefix of the API's paths, without a slash at its end. */
  readonly origin: string;
  readonly fetch: Fetch;
  readonly settings: () => Promise<Settings>;
  /** Rejects with a `SettingError` for an invalid value. */
  readonly change: (patch: Patch) => Promise<Settings>;
  readonly stats: () => Promise<Stats>;
  /** Newest first. Includes the payments of other tabs, and those from before a reload. */
  readonly payments: () => Promise<readonly Payment[]>;
  readonly clearPayments: () => Promise<void>;
  readonly close: () => Promise<void>;
}
