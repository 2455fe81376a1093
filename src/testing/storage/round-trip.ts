/** Clauses about keys and values, which may be any text. */
import { equal, hour, type Clauses } from './assertions.ts';

export const textClauses: Clauses = {
  'returns any text unchanged, lone surrogates included': async ({ store, key }) => {
    for (const [index, text] of texts.entries()) {
      await store.set(`${key}-${index}`, text);
      equal((await store.get(`${key}-${index}`))?.value, text, `the value ${JSON.stringify(text)}`);
    }
  },

  'returns a text of 1 MB unchanged': async ({ store, key }) => {
    const ascii = Array.from({ length: 2 ** 17 }, (_, index) => index.toString(16).padStart(8, '0')).join('');
    for (const text of [ascii, 'é€😀'.repeat(2 ** 18), `${ascii}\ud800`]) {
      await store.set(key, text);
      equal((await store.get(key))?.value, text, `a value of ${text.length} characters`);
    }
  },

  'distinguishes all keys': async ({ store, key }) => {
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
};

/** Texts that some backend truncates, alters or confuses with another one. */
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
