/** The API of a web app, for whatever bundles it: one instance, one storage, search as you type, orders that happen once. */
import kyoa, { hedge, latest, staleIfError } from 'kyoa';
import { indexeddb } from 'kyoa/indexeddb';

export interface Product {
  readonly id: string;
  readonly name: string;
}

const api = kyoa.create({ baseUrl: location.origin, storage: indexeddb('shop') });

/** What is shown when the server is down is what was shown last. */
const catalogue = api.extend({ use: (stack) => [staleIfError(), ...stack, hedge({ ratio: 0.02 })] });
const searching = api.extend({ use: (stack) => [latest({ key: () => 'search' }), ...stack] });

export const products = (): Promise<Product[]> => catalogue.get('api/products').json<Product[]>();

/** A newer search replaces this one: then it rejects with an `AbortError`. */
export const search = (q: string): Promise<Product[]> =>
  searching.get('api/products', { searchParams: { q } }).json<Product[]>();

/** `id` is made with the cart and kept with it: a second click, or a reload, is the same order. */
export const order = (id: string, items: readonly Product[]): Promise<{ readonly number: number }> =>
  api.post('api/orders', { json: { items }, requestId: id }).json<{ number: number }>();
