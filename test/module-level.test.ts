/** A request of a Worker must not use what another one has made, so a module keeps plain data only. */
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { describe, expect, test } from 'vitest';

import { root } from './support/lanes.ts';
import { moduleLevelFindings } from './support/module-level.ts';

describe('the top level of a module in src', () => {
  /** What is found there and may be there, with the reason. */
  const allowed: Readonly<Record<string, string>> = {
    'src/core/context.ts: noListeners is a collection that grows': 'It is empty for ever, by its type',
    'src/request-init.ts: noNames is a collection that grows': 'It is empty for ever, by its type',
    'src/lib/keys.ts: routes is a collection that grows': 'It has text only, and its size is bounded',
    'src/testing/virtual-time.ts: active may be assigned again, and does not begin as plain data':
      'The clock of a test is that of the whole program',
  };

  test('keeps nothing that may belong to a request', () => {
    const found = globSync(['src/**/*.ts', 'adapters/storage/memory.ts'], { cwd: root }).flatMap((file) =>
      moduleLevelFindings(file, readFileSync(join(root, file), 'utf8')).map((finding) => `${file}: ${finding}`),
    );
    expect(found.toSorted()).toEqual(Object.keys(allowed).toSorted());
  });

  test.each([
    ['let timer: Timer;', 'timer may be assigned again, and does not begin as plain data'],
    ['export let last = start();', 'last may be assigned again, and does not begin as plain data'],
    ['let last = { response: start() };', 'last may be assigned again, and does not begin as plain data'],
    ['const flights = new Map<string, Promise<Response>>();', 'flights is a collection that grows'],
    ['const waiting: (() => void)[] = [];', 'waiting is a collection that grows'],
    ['const cache: Record<string, Response> = {};', 'cache is a collection that grows'],
    ['const ready = Promise.resolve();', 'Promise makes something that belongs to a request'],
    ['const empty = { response: new Response() };', 'Response makes something that belongs to a request'],
    ['const never = new AbortController().signal;', 'AbortController makes something that belongs to a request'],
    ['const late = [AbortSignal.timeout(5)];', 'AbortSignal makes something that belongs to a request'],
    ['setInterval(() => {}, 1_000);', 'setInterval makes something that belongs to a request'],
    [
      'class Pipe {\n  static stream = new ReadableStream();\n}',
      'ReadableStream makes something that belongs to a request',
    ],
    ['export const time = await fetch(url);', 'The module awaits something'],
  ])('is refused with `%s`', (code, finding) => {
    expect(moduleLevelFindings('src/probe.ts', code)).toContain(finding);
  });

  test('may have plain data, weak collections, and functions that make what they need', () => {
    const code = `
      let lastTime = NaN;
      let latest = { method: '', count: -1 };
      const names: ReadonlySet<string> = new Set(['a']);
      const histories = new WeakMap<Storage, History>();
      const superseded = new DOMException('Superseded', 'AbortError');
      const open = async (): Promise<Response> => new Response(await read());
      class Call {
        readonly controller = new AbortController();
        start(): Timer {
          return setTimeout(() => {}, 5);
        }
      }
    `;
    expect(moduleLevelFindings('src/probe.ts', code)).toEqual([]);
  });
});
