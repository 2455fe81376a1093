/** The visits of the page: each has settings and lanes of its own, so that tabs do not change the network of each other. */
import { createApi } from '../network/api.ts';
import type { Api } from '../network/api.ts';
import type { Ledger } from '../network/ledger.ts';

export interface Visits {
  /** The API of the visit that a URL names, or of the server itself. Removes the name from the URL. */
  of(url: URL): Api;
}

/** The maximum of visits that are kept. The one that was not used for the longest time is forgotten. */
const most = 50;

/** A visit begins with the settings that the server has at that time. All visits share the payments. */
export function createVisits(server: Api, ledger: Ledger): Visits {
  const known = new Map<string, Api>();

  return {
    of({ searchParams }) {
      const name = searchParams.get('visit');
      if (name === null) return server;
      searchParams.delete('visit');
      const api = known.get(name) ?? createApi(server.settings(), ledger);
      known.delete(name);
      known.set(name, api);
      for (const oldest of [...known.keys()].slice(0, Math.max(0, known.size - most))) known.delete(oldest);
      return api;
    },
  };
}
