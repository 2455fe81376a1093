/** A page that survives a 503; its title says what came of it. */
import kyoa, { hedge, standard } from 'kyoa';
import { indexeddb } from 'kyoa/indexeddb';

const api = kyoa.create({
  baseUrl: location.origin,
  storage: indexeddb('shop'),
  use: [...standard(), hedge({ ratio: 0.02 })],
});
document.title = `${await api.get('items').json()}`;
