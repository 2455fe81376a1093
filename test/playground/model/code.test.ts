import * as kyoa from 'kyoa';
import * as files from 'kyoa/file';
import * as storages from 'kyoa/indexeddb';
import { transformSync } from 'oxc-transform';
import { describe, expect, test } from 'vitest';
import { express } from '../../../playground/model/catalogue.ts';
import { generate } from '../../../playground/model/code.ts';
import { usualStack } from '../../../playground/model/configuration.ts';
import { evaluate } from '../../../playground/model/evaluate.ts';
import { createBuilder } from '../../../playground/model/stack.ts';
import type { CodeForm, Stack } from '../../../playground/model/types.ts';
import { stacks } from './stacks.ts';

describe('the code', () => {
  test.each(stacks)('of %s compiles, and means what runs', async (_name, stack) => {
    for (const form of ['node', 'page'] as const) {
      expect(recorded(generate(stack, form), form)).toEqual(running(stack, form));
    }
  });

  test('says only what is not a default', () => {
    expect(generate([{ id: 'retry', policy: 'retry', on: true, options: {} }], 'node')).toBe(
      `// npm install kyoa, save this as call.mjs, node call.mjs
import { createFetch, retry } from 'kyoa';

const fetch = createFetch({
  use: [
    retry(),
  ],
});

const response = await fetch('https://api.example.com/api/items.json?id=1');
console.log(response.status, await response.json());
`,
    );
  });

  test('leaves out what is off', () => {
    const stack = usualStack.map((entry) => ({ ...entry, on: entry.policy === 'hedge' }));
    expect(generate(stack, 'page')).toContain('use: [\n      kyoa.hedge(),\n    ]');
  });
});

test('every policy can be built with every option that is shown', () => {
  const builder = createBuilder({ origin: 'https://api.example.com', onLimit: () => {} });
  for (const [name, stack] of stacks) expect([name, builder.build(stack).problems]).toEqual([name, []]);
});

type Trace = readonly [callee: string, args: readonly unknown[]];

/** The library, as a list of what is asked of it, in order. */
function recorder(): { readonly trace: Trace[]; readonly library: Record<string, unknown> } {
  const trace: Trace[] = [];
  const library = Object.fromEntries(
    Object.entries({ ...kyoa, ...storages, ...files }).map(([name, value]) => {
      if (typeof value !== 'function' || name === 'byRoute' || name === 'byOrigin') return [name, value];
      return [
        name,
        (...args: unknown[]) => {
          trace.push([name, args.map(plain)]);
          return (value as (...args: unknown[]) => unknown)(...args);
        },
      ];
    }),
  );
  return { trace, library };
}

/** What the code asks of kyoa when it runs. */
function recorded(code: string, form: CodeForm): readonly Trace[] {
  const { trace, library } = recorder();
  const script = form === 'node' ? code : /<script type="module">(.*)<\/script>/s.exec(code)![1]!;
  const { code: stripped, errors } = transformSync('code.ts', script);
  expect(errors).toEqual([]);
  const body = stripped.replaceAll(/^import .*$/gm, '').replace(/const response[^]*$/, '');
  const imports =
    form === 'node' ? [...stripped.matchAll(/^import \{ (.*) \}/gm)].flatMap(([, names]) => names!.split(', ')) : [];
  // oxlint-disable-next-line typescript/no-implied-eval -- the code is what is tested
  new Function('kyoa', ...imports, body)(library, ...imports.map((name) => library[name]));
  return trace.filter(([callee]) => callee !== 'createFetch');
}

/** What the page asks of kyoa for the same stack. */
function running(stack: Stack, form: CodeForm): readonly Trace[] {
  const { trace, library } = recorder();
  for (const entry of stack.filter(({ on }) => on)) evaluate(express(entry, 'https://api.example.com'), {}, library);
  // Node has no IndexedDB: there the code has a file.
  return trace.map(([callee, args]) =>
    callee === 'indexeddb' && form === 'node' ? ['file', ['./kyoa.db']] : [callee, args],
  );
}

/** The value as JSON; a function is compared by its result for no arguments. */
function plain(value: unknown): unknown {
  return JSON.parse(
    JSON.stringify(value, (_key, each: unknown) => {
      if (typeof each !== 'function') return each;
      return each.length === 0 && each.name === '' ? [(each as () => unknown)()] : each.name || 'function';
    }) ?? 'null',
  );
}
