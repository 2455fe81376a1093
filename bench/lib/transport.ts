/** The contenders of `bench/transport.ts`. */
import type { Middleware } from '../../src/index.ts';
import type { Contender, GetJson } from './client.ts';
import { load } from './load.ts';

const json = async (response: Promise<Response>): Promise<unknown> => (await response).json();

export const contenders: Readonly<Record<string, Contender>> = {
  'global fetch': { make: () => (url) => json(fetch(url)) },
  'kyoa undici()': {
    async make() {
      const { undici } = await import('../../adapters/transport/undici/undici.ts');
      const fetch = undici();
      return (url) => json(fetch(url));
    },
  },
  'createFetch on undici()': { make: () => onUndici([]) },
  'standard() on undici()': {
    async make() {
      const { standard } = await import('../../src/index.ts');
      return onUndici(standard());
    },
  },
  'kyoa.get on undici()': {
    async make() {
      const { undici } = await import('../../adapters/transport/undici/undici.ts');
      const { default: kyoa } = await import('../../src/kyoa.ts');
      const api = kyoa.create({ fetch: undici() });
      return (url) => api.get(url).json();
    },
  },
  'standard() on the global fetch': {
    async make() {
      const { createFetch, standard } = await import('../../src/index.ts');
      const fetch = createFetch({ use: standard() });
      return (url) => json(fetch(url));
    },
  },
  'undici.request': {
    packages: ['undici'],
    async make() {
      const { request, Agent } = await load<Undici>('undici');
      const dispatcher = new Agent();
      return async (url) => (await request(url, { dispatcher })).body.json();
    },
  },
  'undici.fetch': {
    packages: ['undici'],
    async make() {
      const { fetch, Agent } = await load<Undici>('undici');
      const dispatcher = new Agent();
      return (url) => json(fetch(url, { dispatcher }));
    },
  },
  ky: {
    packages: ['ky'],
    async make() {
      const { default: ky } = await load<{ default: { get(url: string): { json: () => Promise<unknown> } } }>('ky');
      return (url) => ky.get(url).json();
    },
  },
  ofetch: {
    packages: ['ofetch'],
    async make() {
      const { ofetch } = await load<{ ofetch: GetJson }>('ofetch');
      return (url) => ofetch(url);
    },
  },
  axios: {
    packages: ['axios'],
    async make() {
      const { default: axios } = await load<{ default: { create(options: object): { get: GetJson } } }>('axios');
      const { Agent } = await import('node:http');
      const api = axios.create({ httpAgent: new Agent({ keepAlive: true }), proxy: false });
      return async (url) => ((await api.get(url)) as { data: unknown }).data;
    },
  },
  got: {
    packages: ['got'],
    async make() {
      const { default: got } = await load<{
        default: { extend(options: object): { get(url: string): { json: GetJson } } };
      }>('got');
      const { Agent } = await import('node:http');
      const api = got.extend({ agent: { http: new Agent({ keepAlive: true }) } });
      return (url) => api.get(url).json(url);
    },
  },
};

async function onUndici(use: readonly Middleware[]): Promise<GetJson> {
  const { createFetch } = await import('../../src/index.ts');
  const { undici } = await import('../../adapters/transport/undici/undici.ts');
  const fetch = createFetch({ use, fetch: undici() });
  return (url) => json(fetch(url));
}

interface Undici {
  readonly Agent: new () => object;
  readonly request: (url: string, options: object) => Promise<{ readonly body: { json(): Promise<unknown> } }>;
  readonly fetch: (url: string, options: object) => Promise<Response>;
}
