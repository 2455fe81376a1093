/** Clauses about get, set, delete and close, and about versions. */
import { closed, equal, higher, increment, oneWins, waitFor, short, written, type Clauses } from './assertions.ts';

export const operationClauses: Clauses = {
  'returns undefined for a key that was never written': async ({ store, key }) => {
    equal(await store.get(key), undefined, 'get of a key never written');
  },

  'returns the value that was written, with its version': async ({ store, key }) => {
    const version = written(await store.set(key, 'value'));
    equal(await store.get(key), { value: 'value', version }, 'get after set');
  },

  'accepts an owner, whether it limits the share of one or not': async ({ store, key }) => {
    const version = written(await store.set(key, 'value', { owner: 'ann' }));
    equal(await store.get(key), { value: 'value', version }, 'get of an entry with an owner');
  },

  'overwrites without a condition, under a higher version': async ({ store, key }) => {
    const first = written(await store.set(key, 'first'));
    const second = written(await store.set(key, 'second', {}));
    higher(second, first, 'the version of an overwrite');
    equal(await store.get(key), { value: 'second', version: second }, 'get after an overwrite');
  },

  'writes only over the version that ifVersion names': async ({ store, key }) => {
    const first = written(await store.set(key, 'first'));
    const second = written(await store.set(key, 'second', { ifVersion: first }));
    higher(second, first, 'the version of a conditional write');
    equal(await store.set(key, 'stale', { ifVersion: first }), undefined, 'set with a stale ifVersion');
    equal(
      await store.set(key, 'early', { ifVersion: second + 1 }),
      undefined,
      'set with an ifVersion that was never returned',
    );
    equal(await store.get(key), { value: 'second', version: second }, 'get after refused writes');
  },

  'refuses an ifVersion if there is no entry': async ({ store, key }) => {
    equal(await store.set(key, 'value', { ifVersion: 1 }), undefined, 'set with ifVersion on an absent key');
    const version = written(await store.set(key, 'value'));
    await store.delete(key);
    equal(await store.set(key, 'value', { ifVersion: version }), undefined, 'set with ifVersion on a deleted key');
    equal(await store.get(key), undefined, 'get after refused writes');
  },

  'refuses an ifVersion that was never a version': async ({ store, key }) => {
    const version = written(await store.set(key, 'value'));
    for (const ifVersion of [Number.NaN, 0, -1, version + 0.5, Infinity]) {
      for (const name of [key, `${key}-absent`]) {
        equal(await store.set(name, 'new', { ifVersion }), undefined, `set with ifVersion ${ifVersion}`);
        equal(await store.delete(name, { ifVersion }), false, `delete with ifVersion ${ifVersion}`);
      }
    }
    equal(await store.get(key), { value: 'value', version }, 'get after refused writes');
  },

  'writes with ifVersion null only if there is no entry': async ({ store, key }) => {
    const first = written(await store.set(key, 'first', { ifVersion: null }));
    equal(await store.set(key, 'second', { ifVersion: null }), undefined, 'put-if-absent on a key with an entry');
    equal(await store.get(key), { value: 'first', version: first }, 'get after a refused write');
    await store.delete(key);
    higher(written(await store.set(key, 'third', { ifVersion: null })), first, 'the version after a deletion');
  },

  'lets exactly one of twenty concurrent put-if-absent writes win': async ({ store, key }) => {
    for (let round = 0; round < 5; round += 1) {
      await oneWins(
        `${key}-${round}`,
        Array.from({ length: 20 }, () => store),
      );
    }
  },

  'loses no increment of twenty concurrent ones': async ({ store, key }) => {
    await Promise.all(Array.from({ length: 20 }, () => increment(store, key)));
    equal((await store.get(key))?.value, '20', 'a counter after twenty increments');
  },

  'returns versions of a key that rise, even across a deletion': async ({ store, key }) => {
    let last = 0;
    for (let round = 0; round < 5; round += 1) {
      const version = written(await store.set(key, `${round}`));
      higher(version, last, 'the version of a rewritten key');
      await store.set(`${key}-other`, 'value');
      equal(await store.delete(key), true, 'delete of an entry');
      last = version;
    }
  },

  'returns versions of a key that rise, even across an expiry': async ({ store, key }) => {
    const first = written(await store.set(key, 'first', { ttl: short }));
    await waitFor(short);
    const second = written(await store.set(key, 'second', { ifVersion: null, ttl: short }));
    higher(second, first, 'the version after an expiry');
    await waitFor(short);
    await store.get(key);
    higher(written(await store.set(key, 'third')), second, 'the version after an expiry and a get');
  },

  'deletes an entry, and returns whether there was one': async ({ store, key }) => {
    equal(await store.delete(key), false, 'delete of a key never written');
    await store.set(key, 'value');
    equal(await store.delete(key), true, 'delete of an entry');
    equal(await store.get(key), undefined, 'get after delete');
    equal(await store.delete(key), false, 'delete of a deleted entry');
  },

  'deletes only the version that ifVersion names': async ({ store, key }) => {
    const first = written(await store.set(key, 'first'));
    const second = written(await store.set(key, 'second'));
    equal(await store.delete(key, { ifVersion: first }), false, 'delete with a stale ifVersion');
    equal(await store.get(key), { value: 'second', version: second }, 'get after a refused delete');
    equal(await store.delete(key, { ifVersion: second }), true, 'delete with the present version');
    equal(await store.get(key), undefined, 'get after delete');
  },

  'lets exactly one of twenty concurrent deletes remove an entry': async ({ store, key }) => {
    await store.set(key, 'value');
    const removed = await Promise.all(Array.from({ length: 20 }, () => store.delete(key)));
    equal(removed.filter(Boolean).length, 1, 'how many of twenty deletes removed the entry');
  },

  'treats an undefined option as absent': async ({ store, key }) => {
    const options = { ttl: undefined, ifVersion: undefined } as object;
    await store.set(key, 'first');
    const version = written(await store.set(key, 'second', options));
    equal(await store.get(key), { value: 'second', version }, 'get after set with options that are undefined');
    equal(await store.delete(key, options), true, 'delete with an ifVersion that is undefined');
  },

  'rejects every operation once it is closed, and can be closed twice': async ({ open, key }) => {
    const used = await open();
    await used.set(key, 'value');
    for (const storage of [used, await open()]) {
      await storage.close();
      await storage.close();
      await closed(() => storage.get(key), 'get');
      await closed(() => storage.set(key, 'value'), 'set');
      await closed(() => storage.delete(key), 'delete');
    }
  },
};
