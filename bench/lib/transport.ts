/** The contenders of `bench/transport.ts`. */
import type { Middleware } from '../../src/index.ts';
import type { Contender } from './client.ts';
import { asAxios, asFetch, asGot, asKy, asOfetch, asUndiciRequest } from './clients.ts';
import type { Axios, Got, Ofetch, UndiciRequest } from './clients.ts';
import { load } from './load.ts';
import type { Client } from './shapes.ts';

export const contenders: Readonly<Record<string, Contender>> = {
  'global fetch': { main: true, make: () => asFetch(fetch) },
  'kyoa undici()': {
    main: true,
    async make() {
      const { undici } = await import('../../adapters/transport/undici/undici.ts');
      return asFetch(undici());
    },
  },
  'createFetch on undici()': { main: true, make: () => onUndici([]) },
  'standard() on undici()': {
    main: true,
    async make() {
      const { standard } = await import('../../src/index.ts');
      return onUndici(standard());
    },
  },
  'kyoa on undici()': {
    main: true,
    async make() {
      const { undici } = await import('../../adapters/transport/undici/undici.ts');
      const { default: kyoa } = await import('../../src/kyoa.ts');
      return asKy(kyoa.create({ fetch: undici() }));
    },
  },
  'standard() on the global fetch': {
    main: true,
    async make() {
      const { createFetch, standard } = await import('../../src/index.ts');
      return asFetch(createFetch({ use: standard() }));
    },
  },
  'undici.request': {
    packages: ['undici'],
    without: ['Request given'],
    main: true,
    async make() {
      const { request, Agent } = await load<Undici>('undici');
      return asUndiciRequest(request, new Agent());
    },
  },
  'undici.fetch': {
    packages: ['undici'],
    without: ['Request given'], // it accepts those of its own class
    async make() {
      const { fetch, Agent } = await load<Undici>('undici');
      const dispatcher = new Agent();
      return asFetch((url, init) => fetch(url, { ...init, dispatcher }));
    },
  },
  ky: {
    packages: ['ky'],
    async make() {
      const { default: ky } = await import('ky');
      return asKy(ky);
    },
  },
  ofetch: {
    packages: ['ofetch'],
    async make() {
      const { ofetch } = await load<{ ofetch: Ofetch }>('ofetch');
      return asOfetch(ofetch);
    },
  },
  axios: {
    packages: ['axios'],
    without: ['Request given'],
    async make() {
      const { default: axios } = await load<{ default: { create(options: object): Axios } }>('axios');
      const { Agent } = await import('node:http');
      return asAxios(axios.create({ httpAgent: new Agent({ keepAlive: true }), proxy: false }));
    },
  },
  got: {
    packages: ['got'],
    without: ['Request given'],
    async make() {
      const { default: got } = await load<{ default: { extend(options: object): Got } }>('got');
      const { Agent } = await import('node:http');
      return asGot(got.extend({ agent: { http: new Agent({ keepAlive: true }) } }));
    },
  },
};

async function onUndici(use: readonly Middleware[]): Promise<Client> {
  const { createFetch } = await import('../../src/index.ts');
  const { undici } = await import('../../adapters/transport/undici/undici.ts');
  return asFetch(createFetch({ use, fetch: undici() }));
}

interface Undici {
  readonly Agent: new () => object;
  readonly request: UndiciRequest;
  readonly fetch: (url: string | Request, options: object) => Promise<Response>;
}
