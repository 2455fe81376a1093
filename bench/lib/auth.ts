/** Clients that renew a token by themselves, each as its documentation says. */
import { load } from './load.ts';
import type { Storage } from '../../src/index.ts';
import type { Grant, TokenServer } from '../../test/support/token-server.ts';

/** Where the pages of an app have their tokens, as in `localStorage`. */
export interface TokenStore {
  grant: Grant;
}

export interface AuthContender {
  readonly packages?: readonly string[];
  /** A function that makes a call and resolves to its status. */
  make(server: TokenServer, store: TokenStore): Promise<(path: string) => Promise<number>>;
}

async function renewed(server: TokenServer, store: TokenStore): Promise<Grant> {
  const body = new URLSearchParams({ grant_type: 'refresh_token', refresh_token: store.grant.refresh_token });
  const response = await fetch(`${server.url}/token`, { method: 'POST', body });
  if (!response.ok) throw Object.assign(new Error(`status ${response.status}`), { response });
  return (store.grant = (await response.json()) as Grant);
}

export const contenders: Readonly<Record<string, AuthContender>> = {
  'kyoa auth()': {
    async make(server, store) {
      const { auth, createFetch, memory } = await import('../../src/index.ts');
      const storage = storages.get(store) ?? memory();
      const isFirst = !storages.has(store);
      storages.set(store, storage);
      const session = auth({
        storage,
        renew: async ({ token }) => {
          const refresh_token = token?.refresh ?? 'none';
          const { access_token: access, refresh_token: refresh } = await renewed(server, {
            grant: { ...store.grant, refresh_token },
          });
          return { access, refresh };
        },
      });
      const { access_token: access, refresh_token: refresh } = store.grant;
      if (isFirst) await session.set({ access, refresh });
      const send = createFetch({ use: [session] });
      return async (path) => {
        const response = await send(server.url + path);
        await response.text();
        return response.status;
      };
    },
  },
  'an interceptor by hand': {
    async make(server, store) {
      const send = async (path: string): Promise<Response> => {
        const headers = { authorization: `Bearer ${store.grant.access_token}` };
        const response = await fetch(server.url + path, { headers });
        await response.text();
        return response;
      };
      return async (path) => {
        const { status } = await send(path);
        if (status !== 401) return status;
        await renewed(server, store);
        return (await send(path)).status;
      };
    },
  },
  'axios, axios-auth-refresh': {
    packages: ['axios', 'axios-auth-refresh'],
    async make(server, store) {
      const { default: axios } = await load<{ readonly default: Axios }>('axios');
      const { createAuthRefresh } = await load<AuthRefresh>('axios-auth-refresh');
      const client = axios.create({ baseURL: server.url });
      client.interceptors.request.use((config) => {
        config.headers['Authorization'] = `Bearer ${store.grant.access_token}`;
        return config;
      });
      createAuthRefresh(client, async (failed) => {
        const { access_token: access } = await renewed(server, store);
        failed.response.config.headers['Authorization'] = `Bearer ${access}`;
      });
      return async (path) => {
        try {
          return (await client.get(path)).status;
        } catch (error) {
          return (error as Partial<Failed>).response?.status ?? 0;
        }
      };
    },
  },
  'urql, authExchange': {
    packages: ['@urql/core', '@urql/exchange-auth'],
    async make(server, store) {
      const { Client, fetchExchange } = await load<Urql>('@urql/core');
      const { authExchange } = await load<UrqlAuth>('@urql/exchange-auth');
      const withToken = authExchange(async ({ appendHeaders }) => ({
        addAuthToOperation: (operation) =>
          appendHeaders(operation, { Authorization: `Bearer ${store.grant.access_token}` }),
        didAuthError: (error) => error.response?.status === 401,
        refreshAuth: async () => void (await renewed(server, store)),
      }));
      const client = new Client({
        url: server.url,
        exchanges: [withToken, fetchExchange],
        requestPolicy: 'network-only',
      });
      let calls = 0;
      return async (path) => {
        const context = { url: server.url + path };
        const { error } = await client.query(`{ user${(calls += 1)} }`, {}, context).toPromise();
        return error === undefined ? 200 : (error.response?.status ?? 0);
      };
    },
  },
};

/** One for the pages that share a store. */
const storages = new WeakMap<TokenStore, Storage>();

// Of the peers, as far as they are used here.
interface Config {
  readonly headers: Record<string, string>;
}
interface Failed {
  readonly response: { readonly status: number; readonly config: Config };
}
interface AxiosClient {
  readonly interceptors: { readonly request: { use(change: (config: Config) => Config): void } };
  get(path: string): Promise<{ readonly status: number }>;
}
interface Axios {
  create(options: object): AxiosClient;
}
interface AuthRefresh {
  readonly createAuthRefresh: (client: AxiosClient, refresh: (failed: Failed) => Promise<void>) => void;
}
interface UrqlError {
  readonly response?: { readonly status: number };
}
interface Urql {
  readonly Client: new (options: object) => {
    query(text: string, variables: object, context: object): { toPromise(): Promise<{ readonly error?: UrqlError }> };
  };
  readonly fetchExchange: unknown;
}
interface UrqlAuth {
  readonly authExchange: (
    init: (utilities: { readonly appendHeaders: (operation: unknown, headers: object) => unknown }) => Promise<{
      addAuthToOperation(operation: unknown): unknown;
      didAuthError(error: UrqlError): boolean;
      refreshAuth(): Promise<void>;
    }>,
  ) => unknown;
}
