/** Clauses about ttl and expiry. */
import { KyoaError } from '../../core/errors.ts';
import { equal, fail, hour, waitFor, present, rejection, short, show, written, type Clauses } from './assertions.ts';

export const expiryClauses: Clauses = {
  'returns when an entry expires, in Unix ms': async ({ store, key }) => {
    const version = written(await store.set(key, 'value', { ttl: hour }));
    const entry = present(await store.get(key));
    equal({ value: entry.value, version: entry.version }, { value: 'value', version }, 'get of an entry with a ttl');
    const off = (entry.expires ?? Number.NaN) - (Date.now() + hour);
    // The clock may be that of a server. A synchronised clock is less than a minute off.
    if (!(Math.abs(off) < 60_000)) fail(`expires of an entry with a ttl of one hour is ${String(entry.expires)}`);
  },

  'keeps an entry until its expiry and no longer, for every operation': async ({ store, key }) => {
    const keys = Array.from({ length: 4 }, (_, index) => `${key}-${index}`);
    const [read = '', put = '', stale = '', removed = ''] = keys;
    const started = performance.now();
    const versions = await Promise.all(keys.map((name) => store.set(name, 'value', { ttl: short })));
    const early = await Promise.all(keys.map((name) => store.get(name)));
    if (performance.now() - started < short) for (const entry of early) present(entry);

    await waitFor(short);
    equal(
      await store.set(stale, 'new', { ifVersion: written(versions[2]) }),
      undefined,
      'set with the ifVersion of an expired entry',
    );
    equal(await store.delete(removed), false, 'delete of an expired entry');
    equal(await store.get(read), undefined, 'get of an expired entry');
    const version = written(await store.set(put, 'new', { ifVersion: null, ttl: hour }));
    equal((await store.get(put))?.version, version, 'the version of an entry that was put after another had expired');
  },

  'expires at once with a ttl of 0': async ({ store, key }) => {
    written(await store.set(key, 'value', { ttl: 0 }));
    equal(await store.get(key), undefined, 'get of an entry with a ttl of 0');
  },

  'keeps an entry without a ttl, and an entry with an infinite or a very long ttl': async ({ store, key }) => {
    const ttls = { absent: {}, infinite: { ttl: Infinity }, huge: { ttl: 1e300 }, century: { ttl: 876_000 * hour } };
    for (const [name, options] of Object.entries(ttls)) await store.set(`${key}-${name}`, 'value', options);
    for (const name of Object.keys(ttls)) present(await store.get(`${key}-${name}`));
    equal((await store.get(`${key}-absent`))?.expires, undefined, 'expires without a ttl');
    equal((await store.get(`${key}-infinite`))?.expires, undefined, 'expires with a ttl of Infinity');
  },

  'uses the ttl of the last write': async ({ store, key }) => {
    await store.set(`${key}-lifted`, 'value', { ttl: short });
    const version = written(await store.set(`${key}-lifted`, 'value'));
    await store.set(`${key}-longer`, 'value', { ttl: short });
    await store.set(`${key}-longer`, 'value', { ttl: hour });
    await store.set(`${key}-shorter`, 'value');
    await store.set(`${key}-shorter`, 'value', { ttl: short });
    await waitFor(short);
    equal(await store.get(`${key}-lifted`), { value: 'value', version }, 'get after an overwrite without a ttl');
    present(await store.get(`${key}-longer`));
    equal(await store.get(`${key}-shorter`), undefined, 'get after an overwrite with a ttl that has expired');
  },

  'leaves the expiry unchanged when it refuses a write': async ({ store, key }) => {
    await store.set(key, 'value', { ttl: short });
    // The write succeeded: on a slow machine the first entry has expired already.
    if ((await store.set(key, 'value', { ifVersion: null, ttl: hour })) !== undefined) return;
    await waitFor(short);
    equal(await store.get(key), undefined, 'get after a refused write with a longer ttl');
  },

  'refuses an invalid ttl, and writes nothing': async ({ store, key }) => {
    for (const ttl of [Number.NaN, -1, -Infinity, '5', null]) {
      const error = await rejection(() => store.set(key, 'value', { ttl: ttl as number }), `a ttl of ${String(ttl)}`);
      if (!(error instanceof KyoaError && error.code === 'INVALID_OPTION')) {
        fail(`set with a ttl of ${String(ttl)} rejects with ${show(error)}, not with KyoaError INVALID_OPTION`);
      }
    }
    equal(await store.get(key), undefined, 'get after refused writes');
  },
};
