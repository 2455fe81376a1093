/** A page whose first request gets a 503. Its title shows the result. */
import kyoa, { hedge, standard } from 'kyoa';
import { indexeddb } from 'kyoa/indexeddb';

const api = kyoa.create({
  baseUrl: location.origin,
  storage: indexeddb('shop'),
  use: [...standard(), hedge({ ratio: 0.02 })],
});
document.title = `${await api.get('items').json()}`;
