/** Clauses about several storages that are open on the same place. */
import { equal, higher, hour, increment, oneWins, present, written, type Clauses } from './assertions.ts';

export const sharedClauses: Clauses = {
  'shows the writes of one storage to the other at once': async ({ open, store, key }) => {
    const other = await open();
    equal(await other.get(key), undefined, 'get by the other storage before any write');
    const first = written(await store.set(key, 'first', { ttl: hour }));
    equal((await other.get(key))?.version, first, 'the version that the other storage reads');
    const second = written(await other.set(key, 'second', { ifVersion: first }));
    equal(await store.get(key), { value: 'second', version: second }, 'get of what the other storage has written');
    equal(
      await store.set(key, 'stale', { ifVersion: first }),
      undefined,
      'set with the ifVersion of an entry that the other storage replaced',
    );
    equal(await other.delete(key), true, 'delete by the other storage');
    equal(await store.get(key), undefined, 'get of what the other storage deleted');
  },

  'returns versions that rise across both storages': async ({ open, store, key }) => {
    const other = await open();
    let last = 0;
    for (let round = 0; round < 4; round += 1) {
      for (const storage of [store, other]) {
        const version = written(await storage.set(key, 'value'));
        higher(version, last, 'the version of a write after a write of the other storage');
        await storage.delete(key);
        last = version;
      }
    }
  },

  'lets exactly one of twenty concurrent put-if-absent writes of two storages win': async ({ open, store, key }) => {
    const other = await open();
    const stores = Array.from({ length: 20 }, (_, index) => (index % 2 === 0 ? store : other));
    for (let round = 0; round < 5; round += 1) await oneWins(`${key}-${round}`, stores);
  },

  'loses no increment of two storages': async ({ open, store, key }) => {
    const other = await open();
    await Promise.all(Array.from({ length: 20 }, (_, index) => increment(index % 2 === 0 ? store : other, key)));
    equal((await store.get(key))?.value, '20', 'a counter after twenty increments');
  },

  'keeps acknowledged writes when it is opened again, and returns higher versions': async ({ open, key }) => {
    const before = await open();
    const version = written(await before.set(key, 'value', { ttl: hour }));
    const gone = written(await before.set(`${key}-gone`, 'value'));
    await before.delete(`${key}-gone`);
    await before.close();

    const after = await open();
    const { value, version: found } = present(await after.get(key));
    equal({ value, version: found }, { value: 'value', version }, 'get after opening again');
    higher(written(await after.set(`${key}-gone`, 'value')), gone, 'the version after opening again');
  },

  'keeps working when the other storage closes': async ({ open, store, key }) => {
    const other = await open();
    await other.set(key, 'first');
    await other.close();
    const version = written(await store.set(key, 'second'));
    equal(await store.get(key), { value: 'second', version }, 'get after the other storage has closed');
  },
};
