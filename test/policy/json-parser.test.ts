import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { PolicyError } from '../../src/policy.ts';
import { parseJsonText } from '../../src/policy/json-parser.ts';

describe('a document as text', () => {
  test('is read as JSON.parse reads it', () => {
    const reads = (value: unknown, space: number): void => {
      const text = JSON.stringify(value, undefined, space);
      fc.pre(!text.includes('"__proto__"')); // JSON.parse takes it
      expect(parseJsonText(text).value).toEqual(JSON.parse(text));
    };
    fc.assert(fc.property(fc.jsonValue({ maxDepth: 6 }), fc.nat(4), (value, space) => reads(value, space)));
  });

  test('is refused where JSON.parse refuses it', () => {
    const isRead = (read: () => unknown): boolean => {
      try {
        read();
        return true;
      } catch {
        return false;
      }
    };
    const pieces = ['{', '}', '[', ']', ',', ':', '"a"', '"b', '1', '-', '01', '1.', 'true', 'nul', ' ', '\n', '"\\x"'];
    const text = fc.array(fc.constantFrom(...pieces), { minLength: 1, maxLength: 8 }).map((all) => all.join(''));
    fc.assert(
      fc.property(text, (text) => {
        const isTwice = /"a":.*"a":/s.test(text); // JSON.parse keeps the last
        fc.pre(!isTwice);
        expect([text, isRead(() => parseJsonText(text))]).toEqual([text, isRead(() => JSON.parse(text))]);
      }),
      { numRuns: 3_000 },
    );
  });

  test('knows the line of each member', () => {
    const json = parseJsonText('{\n  "use": [\n    "trace",\n    { "retry":\n      { "retries": 2 } }\n  ]\n}');
    expect(
      ['use', 'use[0]', 'use[1]', 'use[1].retry', 'use[1].retry.retries'].map((path) => json.lineOf(path)),
    ).toEqual([2, 3, 4, 4, 5]);
  });

  test.for([
    ['use[0].standard.timeout', 3],
    ['routes["http://[::1]:8080/*"].retry.retries', 2],
    ['routes["a]b.c["].x', 1],
    ['secrets', 1],
    ['', 1],
  ] as const)('gives %s, which it lacks, the line of the nearest parent', ([path, line]) => {
    const text = '{ "routes": {\n "http://[::1]:8080/*": {} },\n "use": [{ "standard": {} }] }';
    expect(parseJsonText(text).lineOf(path)).toBe(line);
  });

  test.for<[string, string, string]>([
    ['is empty', '', 'line 1, it is empty: write { "use": ["standard"] }, or remove it'],
    ['has white space only', ' \n\n ', 'line 1, it is empty: write { "use": ["standard"] }, or remove it'],
    [
      'is half written',
      '{ "use": [\n  { "retry": { "retries"',
      'line 2, use[0].retry.retries is no JSON: the text ends too early, a } or ] is missing',
    ],
    [
      'ends in a text',
      '{ "use": [\n  "ret',
      'line 2, use is no JSON: a text is not closed on its line, or has a \\ that means nothing',
    ],
    ['has a byte order mark', '\uFEFF{}', 'line 1, it begins with a byte order mark: save it as UTF-8 without BOM'],
    [
      'has a member twice',
      '{ "version": 1,\n "version": 2 }',
      'line 2, version is there twice, first on line 1: remove one',
    ],
    [
      'has __proto__',
      '{ "use": [\n{ "retry": { "__proto__": { "retries": 9 } } }] }',
      'line 2, use[0].retry.__proto__ is no name that a member may have',
    ],
    [
      'has a comma too many in a list',
      '{ "use": [\n  "trace",\n] }',
      'line 3, use is no JSON: a comma is there before ]: remove it',
    ],
    [
      'has a comma too many in an object',
      '{ "version": 1,\n}',
      'line 2, it is no JSON: a comma is there before }: remove it',
    ],
    ['lacks a comma', '{ "version": 1\n  "use": [] }', 'line 2, it is no JSON: a comma or } is missing before this'],
    ['lacks a colon', '{ "version" 1 }', 'line 1, version is no JSON: a colon is missing after the name'],
    ['lacks a value', '{ "version": }', 'line 1, version is no JSON: a value is missing before }'],
    ['has a comment', '{\n  // limits\n  "use": [] }', 'line 2, it is no JSON: it has no comments: remove this one'],
    ['has single quotes', "{ 'use': [] }", 'line 1, it is no JSON: texts have double quotes'],
    ['has names without quotes', '{ use: [] }', 'line 1, it is no JSON: names and texts need double quotes'],
    [
      'has Infinity',
      '{ "version":\nInfinity }',
      'line 2, version is no JSON: it has no such number: write "Infinity" in quotes for no limit',
    ],
    [
      'has NaN',
      '{ "version": NaN }',
      'line 1, version is no JSON: it has no such number: write "Infinity" in quotes for no limit',
    ],
    [
      'has an octal number',
      '{ "version": 007 }',
      'line 1, version is no JSON: a number is not written as 200, 0.5 or 1e3',
    ],
    ['has something behind its end', '{}\n{}', 'line 1, it is no JSON: something follows after its end'],
    ['is a page of HTML', '<html></html>', 'line 1, it is no JSON: a character is here that it does not have'],
    ['is long', ' '.repeat(10_000_000), 'line 1, it has 10000000 characters, at most 1000000 are read'],
  ])('is refused if it %s', ([, text, expected]) => {
    expect(() => parseJsonText(text)).toThrow(PolicyError);
    expect(() => parseJsonText(text)).toThrow(`The policy document is refused. ${expected}`);
  });

  test('is refused if it is nested deep, in lists and in objects', () => {
    const deep = (open: string, close: string): string =>
      open.repeat(400_000 / open.length) + close.repeat(400_000 / open.length);
    expect(() => parseJsonText(deep('[', ']'))).toThrow('it is nested more than 50 levels deep');
    expect(() => parseJsonText(deep('{"a":', '}'))).toThrow('it is nested more than 50 levels deep');
  });

  test('is refused if a source passes no text', () => {
    expect(() => parseJsonText({ use: [] } as never)).toThrow('it is no text: a source passes the JSON as a string');
  });

  test('shows no part of itself in an error', () => {
    for (const text of [
      '{ "a": hunter2 }',
      '{ "a": "hunter2 }',
      '{ "a": "x" hunter2 }',
      'hunter2',
      '{"a": \'hunter2\'}',
    ])
      expect(() => parseJsonText(text)).toThrow(
        expect.not.objectContaining({ message: expect.stringContaining('hunter2') }),
      );
  });

  test('with 10,000 members and a text of 900,000 letters is read in a short time', () => {
    const started = performance.now();
    parseJsonText(JSON.stringify({ a: 'x"'.repeat(300_000) }));
    parseJsonText(JSON.stringify(Object.fromEntries(Array.from({ length: 10_000 }, (_, n) => [`m${n}`, [n]]))));
    expect(performance.now() - started).toBeLessThan(5_000);
  });
});
