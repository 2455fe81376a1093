import type { Middleware } from 'kyoa';
import { policy, toPolicy } from 'kyoa/policy';
import { describe, expect, test } from 'vitest';
import { catalogue, express } from '../../../playground/model/catalogue.ts';
import { usualStack } from '../../../playground/model/configuration.ts';
import { readDocument } from '../../../playground/model/document/read.ts';
import { documentOf, writeDocument } from '../../../playground/model/document/write.ts';
import { evaluate } from '../../../playground/model/evaluate.ts';
import { createBuilder } from '../../../playground/model/stack.ts';
import type { OptionValues, PolicyEntry, PolicyName, Stack } from '../../../playground/model/types.ts';
import { stacks } from './stacks.ts';

const page = 'https://api.example.com';

describe('a document', () => {
  test.each(stacks)('of %s makes the policies that run', (_name, stack) => {
    const document = documentOf(stack, page);
    using live = policy(document);
    expect(toPolicy(live.current.filter(isWritable))).toEqual(toPolicy(running(stack).filter(isWritable)));
  });

  test.each(stacks)('of %s is read as that stack', (_name, stack) => {
    const text = writeDocument(stack, page);
    const reading = readDocument(text, []);
    expect([reading.problems, reading.remarks]).toEqual([[], []]);
    expect(writeDocument(reading.stack!, page)).toBe(text);
    // The stack that is there already says the same, and stays as it is.
    expect(readDocument(text, stack).stack).toEqual(stack);
  });

  test('has the substitute of fallback', () => {
    const stack = [{ ...layer('fallback'), options: { note: 'gone' } }];
    expect(documentOf(stack, page)).toEqual({ use: [{ fallback: { respond: { status: 'gone' } } }] });
  });

  test('has only options that differ from the defaults, and a line for each policy', () => {
    expect(writeDocument(usualStack, page)).toBe(`{
  "use": [
    { "timeout": { "total": 5000 } },
    "dedupe",
    "idempotency",
    "retry",
    "hedge",
    "breaker",
    {
      "timeout": {
        "headers": {
          "adaptive": {
            "min": 200,
            "max": 2500,
            "minSamples": 20,
            "estimate": { "quantile": [0.99, { "factor": 2 }] }
          }
        }
      }
    }
  ]
}`);
  });
});

describe('reading a document', () => {
  test('expands the standard stack, with its options', () => {
    const { stack, remarks } = readDocument('{ "use": [{ "standard": { "retry": { "retries": 1 } } }] }', []);
    expect(stack!.map((entry) => entry.policy)).toEqual([
      'timeout',
      'dedupe',
      'resume',
      'idempotency',
      'retry',
      'breaker',
      'timeout',
    ]);
    expect(stack![4]).toEqual({ id: 'retry', policy: 'retry', on: true, options: { retries: 1 } });
    expect(remarks).toEqual([]);
    expect(readDocument('{}', []).stack).toHaveLength(7);
  });

  test('names all that is wrong with line and path, and makes no stack', () => {
    const { problems, stack } = readDocument(
      '{\n  "use": [\n    { "retry": { "retries": "two" } },\n    "hegde"\n  ]\n}',
      usualStack,
    );
    expect(stack).toBeUndefined();
    expect(problems).toEqual([
      expect.objectContaining({ line: 3, path: 'use[0].retry.retries' }),
      expect.objectContaining({
        line: 4,
        path: 'use[1].hegde',
        message: expect.stringContaining('do you mean hedge?'),
      }),
    ]);
    expect(readDocument('{ "use": [', usualStack)).toMatchObject({ stack: undefined, problems: [{ line: 1 }] });
  });

  test('reads what is short for something else', () => {
    expect(options('{ "timeout": 300 }')).toEqual({ total: 300 });
    expect(options('{ "timeout": { "total": "Infinity", "idle": false, "headers": 200 } }')).toEqual({ headers: 200 });
    expect(options('{ "retry": { "budget": { "budget": { "ratio": 0.1 } } } }')).toEqual({ 'budget.ratio': 0.1 });
    expect(options('{ "hedge": { "budget": { "floor": 3 } } }')).toEqual({ 'budget.floor': 3, 'budget.ratio': 0.2 });
    expect(
      options('{ "timeout": { "headers": { "adaptive": { "estimate": { "meanPlusDeviation": [2] } } } } }'),
    ).toEqual({ 'headers.kind': 'mean + 2 sd' });
  });

  test.each([
    ['"log"', 'use[0].log', 'is left out: the onion has no log'],
    ['{ "retry": { "methods": ["GET"] } }', 'use[0].retry.methods', 'is left out: the onion has no such option'],
    ['{ "retry": { "retries": "Infinity" } }', 'use[0].retry.retries', 'is left out: the onion cannot show "Infinity"'],
    ['{ "staleIfError": { "key": "byOrigin" } }', 'use[0].staleIfError.key', 'is left out: the onion cannot show'],
    ['{ "standard": { "retry": { "methods": ["GET"] } } }', 'use[0].standard.retry.methods', 'is left out'],
    ['{ "fallback": { "respond": { "users": [] } } }', 'use[0].fallback.respond', 'is left out: the substitute'],
    ['"retry", "retry"', 'use[1].retry', 'is left out: the onion has retry only once'],
    ['{ "race": { "urls": ["https://x.example/us", "https://x.example/ap"] } }', 'use[0].race.urls', 'become all of'],
  ])('says of %s that the onion does not show it', (use, path, message) => {
    const { problems, remarks, stack } = readDocument(`{\n"use": [\n${use}\n] }`, []);
    expect([problems, stack !== undefined]).toEqual([[], true]);
    expect(remarks).toEqual([{ path, line: 3, message: expect.stringContaining(message) }]);
  });

  test('says that routes and environments are left out', () => {
    const { remarks, stack } = readDocument(
      '{ "use": ["retry"], "routes": { "/a": { "retry": false } }, "environments": { "test": { "use": [] } } }',
      [],
    );
    expect(remarks.map(({ path }) => path)).toEqual(['routes', 'environments']);
    expect(stack).toHaveLength(1);
  });

  test('takes the endpoints of the program as regions, in order, and says so', () => {
    const list = '[{ "url": "https://blue.example.com", "weight": 9 }, { "url": "https://green.example.com" }]';
    const { stack, remarks } = readDocument(`{ "use": [{ "endpoints": { "list": ${list} } }] }`, []);
    expect(stack![0]!.options).toEqual({ 'weight.eu': 9, 'weight.ap': 0 });
    expect(remarks.map(({ path, message }) => `${path} ${message}`)).toEqual([
      'use[0].endpoints.list[0] is the region eu here',
      'use[0].endpoints.list[1] is the region us here',
    ]);
  });
});

describe('the stack of a document', () => {
  const builder = createBuilder({ origin: page, onLimit: () => {} });
  const build = (stack: Stack) => builder.build(stack).layers.map(({ policy }) => policy);

  test('keeps the state of what did not change', () => {
    const text = writeDocument(usualStack, page);
    const before = build(usualStack);
    const { stack } = readDocument(text.replace('"hedge"', '{ "hedge": 0.1 }'), usualStack);
    const after = build(stack!);
    expect(after.map((each, i) => each === before[i])).toEqual([true, true, true, true, false, true, true]);
    expect(stack!.map(({ id }) => id)).toEqual(usualStack.map(({ id }) => id));
    // The first timeout is taken out, and the second one is still itself.
    const shorter = readDocument(text.replace('{ "timeout": { "total": 5000 } },', ''), usualStack).stack!;
    expect(build(shorter).at(-1)).toBe(before.at(-1));
  });

  test('keeps the storage, which no document has', () => {
    const text = '{ "use": [{ "idempotency": { "lease": 5000 } }] }';
    const stored = readDocument(text, usualStack).stack!.find((entry) => entry.policy === 'idempotency');
    expect(stored!.options).toEqual({ storage: 'indexeddb', lease: 5_000 });
    expect(options('{ "idempotency": { "lease": 5000 } }')).toEqual({ lease: 5_000 });
  });

  test('turns on a layer that was off, and leaves other such layers off', () => {
    const stack = [layer('retry'), { ...layer('hedge'), on: false }, { ...layer('breaker'), on: false }];
    const { stack: read } = readDocument('{ "use": ["retry", "breaker"] }', stack);
    expect(read).toEqual([layer('retry'), { ...layer('hedge'), on: false }, layer('breaker')]);
  });
});

/** The policies of the page, with the storage that a program has without one of its own. */
function running(stack: Stack): Middleware[] {
  return stack
    .filter(({ on }) => on)
    .map(({ policy, options: { storage: _, ...options } }) => {
      const own = policy === 'idempotency' ? { ...options, storage: 'memory' } : options;
      return evaluate(express({ policy, options: own }, page)) as Middleware;
    });
}

/** `fallback` takes a function, which `toPolicy` cannot write. */
function isWritable({ name }: Middleware): boolean {
  return name !== 'fallback';
}

function options(entry: string): OptionValues {
  const { stack, problems, remarks } = readDocument(`{ "use": [${entry}] }`, []);
  expect([problems, remarks]).toEqual([[], []]);
  return stack![0]!.options;
}

function layer(policy: PolicyName): PolicyEntry {
  return { id: policy, policy, on: true, options: {} };
}

test('every policy of the onion is among the stacks above', () => {
  const names = new Set(stacks.flatMap(([, stack]) => stack.map((entry) => entry.policy)));
  expect([...names].toSorted()).toEqual(catalogue.map(({ name }) => name).toSorted());
});
