import { readdirSync } from 'node:fs';
import { join } from 'node:path';

import { schemas, type OptionSchema } from 'kyoa/policy';
import { describe, expect, test } from 'vitest';

import { root } from '../support/lanes.ts';

const policies = readdirSync(join(root, 'src/middleware')).map((file) =>
  file.replace('.ts', '').replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase()),
);

describe('the schemas of kyoa/policy', () => {
  test('describe every policy, and what is an option of a policy', () => {
    expect(Object.keys(schemas).toSorted()).toEqual([...policies, 'adaptive', 'aimd', 'budget'].toSorted());
  });

  test('are plain data', () => {
    expect(JSON.parse(JSON.stringify(schemas))).toEqual(schemas);
  });

  test('give the number that an override may be', () => {
    const scalars = Object.entries(schemas).flatMap(([name, { scalar }]) => (scalar ? [[name, scalar]] : []));
    expect(Object.fromEntries(scalars)).toEqual({
      chaos: 'rate',
      hedge: 'ratio',
      maxBody: 'bytes',
      retry: 'retries',
      timeout: 'total',
    });
  });

  test.for<[string, OptionSchema | undefined, OptionSchema]>([
    ['its default', schemas.retry.options['retries'], { kind: 'count', required: false, default: 3, perCall: true }],
    ['that it is required', schemas.latest.options['key'], { kind: 'function', required: true, perCall: true }],
    ['that it may be absent', schemas.hedge.options['delay'], { kind: 'delay', required: false, perCall: true }],
    [
      'that a call may not override it',
      schemas.breaker.options['window'],
      { kind: 'duration', required: false, default: 10_000, perCall: false },
    ],
    [
      'its choices',
      schemas.idempotency.options['format'],
      { kind: 'choice', required: false, default: 'bare', perCall: true, choices: ['bare', 'structured'] },
    ],
    [
      'the options within it',
      schemas.endpoints.options['eject'],
      {
        kind: 'object',
        required: false,
        default: { failures: 5, for: 30_000, share: 0.5 },
        perCall: false,
        mayBeFalse: true,
        options: {
          failures: { kind: 'count', required: false, default: 5, perCall: false, minimum: 1 },
          for: { kind: 'duration', required: false, default: 30_000, perCall: false },
          share: { kind: 'ratio', required: false, default: 0.5, perCall: false },
        },
      },
    ],
    [
      'the kind of its plain form, where code may make another',
      schemas.limit.options['concurrency'],
      { kind: 'count', required: false, perCall: false, minimum: 1 },
    ],
    [
      'a kind by its default, where its check is its own',
      schemas.idempotency.options['header'],
      { kind: 'text', required: false, default: 'Idempotency-Key', perCall: true },
    ],
  ])('give of an option %s', ([, schema, expected]) => {
    expect(schema).toEqual(expected);
  });
});
