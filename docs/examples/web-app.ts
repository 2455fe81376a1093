/** The API of a web app: one instance, one storage, search as you type, orders that are executed once. */
import kyoa, { hedge, latest, staleIfError } from 'kyoa';
import { indexeddb } from 'kyoa/indexeddb';

export interface Product {
  readonly id: string;
  readonly name: string;
}

const api = kyoa.create({ baseUrl: location.origin, storage: indexeddb('shop') });

/** While the server is down, the app shows the last responses. */
const catalogue = api.extend({ use: (stack) => [staleIfError(), ...stack, hedge({ ratio: 0.02 })] });
const searching = api.extend({ use: (stack) => [latest({ key: () => 'search' }), ...stack] });

export const products = (): Promise<Product[]> => catalogue.get('api/products').json<Product[]>();

/** Rejects with an `AbortError` when a newer search replaces it. */
export const search = (q: string): Promise<Product[]> =>
  searching.get('api/products', { searchParams: { q } }).json<Product[]>();

/** `id` is created with the cart and stored with it: a second click, or a reload, repeats the same order. */
export const order = (id: string, items: readonly Product[]): Promise<{ readonly number: number }> =>
  api.post('api/orders', { json: { items }, requestId: id }).json<{ number: number }>();
