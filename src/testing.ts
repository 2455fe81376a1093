/** What holds an adapter to its contract, with any test runner: `for (const { name, run } of ...) test(name, run)`. */
import { KyoaError, StorageError } from './core/errors.ts';
import type { Entry, Storage, Version } from './core/storage.ts';

/** One sentence of the contract; `run` rejects where it does not hold. */
export interface Clause {
  readonly name: string;
  readonly run: () => Promise<void>;
}

export interface StorageContractOptions {
  /** Whether all that `open` gives keep their entries in one place. `false` leaves out what follows from that. @default true */
  readonly shared?: boolean;
}

interface Bench {
  /** Another storage on the same place, closed after the clause. */
  readonly open: () => Promise<Storage>;
  readonly store: Storage;
  /** One that nothing is kept under. */
  readonly key: string;
}

type Body = (bench: Bench) => Promise<void>;

/** A ttl to wait for, ms, and one that no test outlives. */
const short = 40;
const hour = 3_600_000;

/**
 * `open` is called anew for each clause and may give the same place each time, also one with entries of others:
 * the clauses keep to keys of their own, some short and odd ones apart (`''`, `'__proto__'` and the like), which they
 * overwrite and delete.
 */
export function storageContract(
  open: () => Storage | Promise<Storage>,
  { shared = true }: StorageContractOptions = {},
): Clause[] {
  const clauses = shared ? { ...everyStore, ...sharedStore } : everyStore;

  return Object.entries(clauses).map(([name, body]) => ({
    name,
    run: async () => {
      const opened: Storage[] = [];
      const another = async (): Promise<Storage> => {
        const storage = await open();
        opened.push(storage);
        return storage;
      };
      try {
        await body({ open: another, store: await another(), key: unusedKey() });
      } finally {
        for (const storage of opened) await storage.close();
      }
    },
  }));
}

const everyStore: Readonly<Record<string, Body>> = {
  'gives nothing for a key never written': async ({ store, key }) => {
    equal(await store.get(key), undefined, 'get of a key never written');
  },

  'gives back what was written, with the version it was written as': async ({ store, key }) => {
    const version = written(await store.set(key, 'value'));
    equal(await store.get(key), { value: 'value', version }, 'get after set');
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
    equal(await store.set(key, 'early', { ifVersion: second + 1 }), undefined, 'set with an ifVersion never given');
    equal(await store.get(key), { value: 'second', version: second }, 'get after refused writes');
  },

  'writes nothing for an ifVersion where there is no entry': async ({ store, key }) => {
    equal(await store.set(key, 'value', { ifVersion: 1 }), undefined, 'set with ifVersion on an absent key');
    const version = written(await store.set(key, 'value'));
    await store.delete(key);
    equal(await store.set(key, 'value', { ifVersion: version }), undefined, 'set with ifVersion on a deleted key');
    equal(await store.get(key), undefined, 'get after refused writes');
  },

  'holds no condition for true whose ifVersion was never a version': async ({ store, key }) => {
    const version = written(await store.set(key, 'value'));
    for (const ifVersion of [Number.NaN, 0, -1, version + 0.5, Infinity]) {
      for (const name of [key, `${key}-absent`]) {
        equal(await store.set(name, 'new', { ifVersion }), undefined, `set with ifVersion ${ifVersion}`);
        equal(await store.delete(name, { ifVersion }), false, `delete with ifVersion ${ifVersion}`);
      }
    }
    equal(await store.get(key), { value: 'value', version }, 'get after refused writes');
  },

  'puts with ifVersion null only where there is no entry': async ({ store, key }) => {
    const first = written(await store.set(key, 'first', { ifVersion: null }));
    equal(await store.set(key, 'second', { ifVersion: null }), undefined, 'put-if-absent on a key that is there');
    equal(await store.get(key), { value: 'first', version: first }, 'get after a refused write');
    await store.delete(key);
    higher(written(await store.set(key, 'third', { ifVersion: null })), first, 'the version after a deletion');
  },

  'lets exactly one of twenty concurrent put-if-absent win': async ({ store, key }) => {
    for (let round = 0; round < 5; round += 1) {
      await oneWins(
        `${key}-${round}`,
        Array.from({ length: 20 }, () => store),
      );
    }
  },

  'loses none of twenty concurrent increments': async ({ store, key }) => {
    await Promise.all(Array.from({ length: 20 }, () => increment(store, key)));
    equal((await store.get(key))?.value, '20', 'a counter after twenty increments');
  },

  'gives versions that rise within a key, also across deletion': async ({ store, key }) => {
    let last = 0;
    for (let round = 0; round < 5; round += 1) {
      const version = written(await store.set(key, `${round}`));
      higher(version, last, 'the version of a rewritten key');
      await store.set(`${key}-other`, 'value');
      equal(await store.delete(key), true, 'delete of what is there');
      last = version;
    }
  },

  'gives versions that rise within a key, also across expiry': async ({ store, key }) => {
    const first = written(await store.set(key, 'first', { ttl: short }));
    await pass(short);
    const second = written(await store.set(key, 'second', { ifVersion: null, ttl: short }));
    higher(second, first, 'the version after an expiry');
    await pass(short);
    await store.get(key);
    higher(written(await store.set(key, 'third')), second, 'the version after an expiry that a get has seen');
  },

  'deletes what is there, and says so': async ({ store, key }) => {
    equal(await store.delete(key), false, 'delete of a key never written');
    await store.set(key, 'value');
    equal(await store.delete(key), true, 'delete of what is there');
    equal(await store.get(key), undefined, 'get after delete');
    equal(await store.delete(key), false, 'delete of what is gone');
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

  'says when an entry expires, in Unix ms': async ({ store, key }) => {
    const version = written(await store.set(key, 'value', { ttl: hour }));
    const entry = present(await store.get(key));
    equal({ value: entry.value, version: entry.version }, { value: 'value', version }, 'get of one with a ttl');
    const off = (entry.expires ?? Number.NaN) - (Date.now() + hour);
    // The clock may be a server's: a minute is more than a clock that is kept in time goes wrong.
    if (!(Math.abs(off) < 60_000)) fail(`expires of an entry with a ttl of one hour is ${String(entry.expires)}`);
  },

  'keeps an entry until its expiry and not beyond, for every verb': async ({ store, key }) => {
    const keys = Array.from({ length: 4 }, (_, index) => `${key}-${index}`);
    const [read = '', put = '', stale = '', removed = ''] = keys;
    const started = performance.now();
    const versions = await Promise.all(keys.map((name) => store.set(name, 'value', { ttl: short })));
    const early = await Promise.all(keys.map((name) => store.get(name)));
    if (performance.now() - started < short) for (const entry of early) present(entry);

    await pass(short);
    equal(await store.set(stale, 'new', { ifVersion: written(versions[2]) }), undefined, 'ifVersion of what expired');
    equal(await store.delete(removed), false, 'delete of what expired');
    equal(await store.get(read), undefined, 'get of what expired');
    const version = written(await store.set(put, 'new', { ifVersion: null, ttl: hour }));
    equal((await store.get(put))?.version, version, 'the version of one put where another had expired');
  },

  'expires at once with a ttl of 0': async ({ store, key }) => {
    written(await store.set(key, 'value', { ttl: 0 }));
    equal(await store.get(key), undefined, 'get of one with a ttl of 0');
  },

  'keeps an entry without a ttl, and one of a ttl without end': async ({ store, key }) => {
    const ttls = { absent: {}, infinite: { ttl: Infinity }, huge: { ttl: 1e300 }, century: { ttl: 876_000 * hour } };
    for (const [name, options] of Object.entries(ttls)) await store.set(`${key}-${name}`, 'value', options);
    for (const name of Object.keys(ttls)) present(await store.get(`${key}-${name}`));
    equal((await store.get(`${key}-absent`))?.expires, undefined, 'expires without a ttl');
    equal((await store.get(`${key}-infinite`))?.expires, undefined, 'expires with a ttl of Infinity');
  },

  'takes the expiry from the last write': async ({ store, key }) => {
    await store.set(`${key}-lifted`, 'value', { ttl: short });
    const version = written(await store.set(`${key}-lifted`, 'value'));
    await store.set(`${key}-longer`, 'value', { ttl: short });
    await store.set(`${key}-longer`, 'value', { ttl: hour });
    await store.set(`${key}-shorter`, 'value');
    await store.set(`${key}-shorter`, 'value', { ttl: short });
    await pass(short);
    equal(await store.get(`${key}-lifted`), { value: 'value', version }, 'get after an overwrite without a ttl');
    present(await store.get(`${key}-longer`));
    equal(await store.get(`${key}-shorter`), undefined, 'get after an overwrite with a ttl that is over');
  },

  'leaves the expiry alone when a write is refused': async ({ store, key }) => {
    await store.set(key, 'value', { ttl: short });
    // Written after all: this machine is so slow that the first had expired.
    if ((await store.set(key, 'value', { ifVersion: null, ttl: hour })) !== undefined) return;
    await pass(short);
    equal(await store.get(key), undefined, 'get after a refused write with a longer ttl');
  },

  'gives back any text as it was, lone surrogates included': async ({ store, key }) => {
    for (const [index, text] of texts.entries()) {
      await store.set(`${key}-${index}`, text);
      equal((await store.get(`${key}-${index}`))?.value, text, `the value ${JSON.stringify(text)}`);
    }
  },

  'gives back a text of 1 MB as it was': async ({ store, key }) => {
    const ascii = Array.from({ length: 2 ** 17 }, (_, index) => index.toString(16).padStart(8, '0')).join('');
    for (const text of [ascii, 'é€😀'.repeat(2 ** 18), `${ascii}\ud800`]) {
      await store.set(key, text);
      equal((await store.get(key))?.value, text, `a value of ${text.length} characters`);
    }
  },

  'tells all keys apart': async ({ store, key }) => {
    const longest = key.padEnd(1_000, '-');
    const keys = [...texts, ...oddKeys, ...oddKeys.map((odd) => `${key}${odd}`), key, `${longest}a`, `${longest}b`];
    const distinct = [...new Set(keys)];
    for (const [index, name] of distinct.entries()) await store.set(name, `${index}`, { ttl: hour });
    for (const [index, name] of distinct.entries()) {
      equal((await store.get(name))?.value, `${index}`, `the value of the key ${JSON.stringify(name)}`);
    }
    for (const name of distinct) equal(await store.delete(name), true, `delete of the key ${JSON.stringify(name)}`);
    for (const name of distinct) equal(await store.get(name), undefined, `get of the key ${JSON.stringify(name)}`);
  },

  'refuses a ttl that is none, and writes nothing': async ({ store, key }) => {
    for (const ttl of [Number.NaN, -1, -Infinity, '5', null]) {
      const error = await rejection(() => store.set(key, 'value', { ttl: ttl as number }), `a ttl of ${String(ttl)}`);
      if (!(error instanceof KyoaError && error.code === 'INVALID_OPTION')) {
        fail(`set with a ttl of ${String(ttl)} rejects with ${show(error)}, not with KyoaError INVALID_OPTION`);
      }
    }
    equal(await store.get(key), undefined, 'get after refused writes');
  },

  'takes absent options for none': async ({ store, key }) => {
    const options = { ttl: undefined, ifVersion: undefined } as object;
    await store.set(key, 'first');
    const version = written(await store.set(key, 'second', options));
    equal(await store.get(key), { value: 'second', version }, 'get after set with options that are undefined');
    equal(await store.delete(key, options), true, 'delete with an ifVersion that is undefined');
  },

  'rejects every verb once it is closed; closing twice is harmless': async ({ open, key }) => {
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

const sharedStore: Readonly<Record<string, Body>> = {
  'shows the writes of one opener to the other at once': async ({ open, store, key }) => {
    const other = await open();
    equal(await other.get(key), undefined, 'get by the other before any write');
    const first = written(await store.set(key, 'first', { ttl: hour }));
    equal((await other.get(key))?.version, first, 'the version that the other sees');
    const second = written(await other.set(key, 'second', { ifVersion: first }));
    equal(await store.get(key), { value: 'second', version: second }, 'what the other has written');
    equal(await store.set(key, 'stale', { ifVersion: first }), undefined, 'set over a version that the other replaced');
    equal(await other.delete(key), true, 'delete by the other');
    equal(await store.get(key), undefined, 'get of what the other deleted');
  },

  'gives versions that rise across openers': async ({ open, store, key }) => {
    const other = await open();
    let last = 0;
    for (let round = 0; round < 4; round += 1) {
      for (const storage of [store, other]) {
        const version = written(await storage.set(key, 'value'));
        higher(version, last, 'the version of a write after that of another opener');
        await storage.delete(key);
        last = version;
      }
    }
  },

  'lets exactly one of two openers and twenty put-if-absent win': async ({ open, store, key }) => {
    const other = await open();
    const stores = Array.from({ length: 20 }, (_, index) => (index % 2 === 0 ? store : other));
    for (let round = 0; round < 5; round += 1) await oneWins(`${key}-${round}`, stores);
  },

  'loses none of the increments of two openers': async ({ open, store, key }) => {
    const other = await open();
    await Promise.all(Array.from({ length: 20 }, (_, index) => increment(index % 2 === 0 ? store : other, key)));
    equal((await store.get(key))?.value, '20', 'a counter after twenty increments');
  },

  'still has what was acknowledged when it is opened again, and higher versions': async ({ open, key }) => {
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

  'goes on for one opener when the other closes': async ({ open, store, key }) => {
    const other = await open();
    await other.set(key, 'first');
    await other.close();
    const version = written(await store.set(key, 'second'));
    equal(await store.get(key), { value: 'second', version }, 'get after the other has closed');
  },
};

/** What has been cut, altered or taken for something else by some backend. */
const texts: readonly string[] = [
  '',
  ' ',
  ' led and trailed by spaces ',
  '\r\n\t',
  '\0',
  'before\0after',
  '\u0001\u001f\u007f\u0085',
  '\ufeffafter a byte order mark',
  '\u2028\u2029',
  'é',
  'e\u0301',
  'ß ﬁ İ ı',
  'שלום \u202eمرحبا',
  '日本語',
  '😀 👩‍👩‍👧',
  '\u{10ffff}\uffff\ufffe',
  '\ufffd',
  '\ud800',
  '\udfff',
  '\udc00\ud800',
  'a\ud83d',
  '"',
  '""',
  '"quoted"',
  '"\\ud800"',
  "'; DROP TABLE entry; --",
  '\\',
  '\\u0000',
  '{"json":[null,true,1.5e3]}',
  'undefined',
  'null',
  '0',
  '007',
  '1e3',
  '-0',
  '9007199254740993',
];

const oddKeys: readonly string[] = [
  '__proto__',
  'constructor',
  'toString',
  'hasOwnProperty',
  ':',
  'a:b',
  'a::b',
  'a:b:c',
  '{a}b',
  'a{b}',
  '{}',
  '}{',
  'a/b',
  'a\\b',
  '../a',
  'a.b',
  'a b',
  'a%20b',
  'a%00b',
  'a\0b',
  'a',
  'A',
  'a ',
  'a*',
  'a?',
  'a_',
  'a\nb',
];

async function oneWins(key: string, stores: readonly Storage[]): Promise<void> {
  const versions = await Promise.all(stores.map((store, index) => store.set(key, `${index}`, { ifVersion: null })));
  const winners = [...versions.keys()].filter((index) => versions[index] !== undefined);
  equal(winners.length, 1, `how many of ${stores.length} concurrent put-if-absent won`);
  for (const store of stores) {
    const expected = { value: String(winners[0]), version: versions[winners[0] ?? 0] };
    equal(await store.get(key), expected, 'get after concurrent put-if-absent');
  }
}

/** One of twenty, of whom one gets through each time: nobody fails more than nineteen times. */
async function increment(store: Storage, key: string): Promise<void> {
  for (let attempt = 0; attempt < 20; attempt += 1) {
    const entry = await store.get(key);
    const next = String(Number(entry?.value ?? 0) + 1);
    if ((await store.set(key, next, { ifVersion: entry?.version ?? null })) !== undefined) return;
  }
  fail('a write with the ifVersion that was just read is refused though nobody else has written');
}

/** Beyond the end of a ttl by any clock that runs at the same pace: timers may be 1 ms early, and expiry whole ms. */
function pass(ttl: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ttl + 5));
}

function unusedKey(): string {
  return `contract-${Date.now().toString(36)}-${Math.random().toString(36).slice(2)}`;
}

function written(version: Version | undefined): Version {
  if (Number.isSafeInteger(version)) return version as Version;
  return fail(`a write resolves to ${show(version)}, not to a version, which is a safe integer`);
}

function present(entry: Entry | undefined): Entry {
  return entry ?? fail('an entry that has not expired is not there');
}

function higher(version: Version, than: Version, what: string): void {
  if (version <= than) fail(`${what} is ${version}, not higher than ${than}, the one before`);
}

async function closed(verb: () => Promise<unknown>, what: string): Promise<void> {
  const error = await rejection(verb, `${what} of a closed storage`);
  if (!(error instanceof StorageError))
    fail(`${what} of a closed storage rejects with ${show(error)}, not StorageError`);
}

async function rejection(verb: () => Promise<unknown>, what: string): Promise<unknown> {
  let promise: Promise<unknown>;
  try {
    promise = verb();
  } catch (error) {
    return fail(`${what} throws ${show(error)} instead of rejecting`);
  }
  return promise.then(
    (value) => fail(`${what} resolves to ${show(value)} instead of rejecting`),
    (error: unknown) => error,
  );
}

/** Texts, and flat objects with members in any order. */
function equal(actual: unknown, expected: unknown, what: string): void {
  if (show(actual) !== show(expected)) fail(`${what} is ${brief(actual)}, not ${brief(expected)}`);
}

function show(value: unknown): string {
  if (value instanceof Error) return `${value.name}: ${value.message}`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? String(value);
  return JSON.stringify(value, Object.keys(value).toSorted());
}

function brief(value: unknown): string {
  const text = show(value);
  return text.length > 200 ? `${text.slice(0, 200)}... (${text.length} characters)` : text;
}

function fail(message: string): never {
  throw new Error(message);
}
