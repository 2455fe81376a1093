import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { catalogue } from '../../../playground/model/catalogue.ts';
import { usualStack } from '../../../playground/model/configuration.ts';
import { hintsOf } from '../../../playground/model/order.ts';
import { scenarios } from '../../../playground/model/scenarios.ts';
import type { PolicyName, Stack } from '../../../playground/model/types.ts';
import { root } from '../../support/lanes.ts';

function stack(...policies: PolicyName[]): Stack {
  return policies.map((policy, i) => ({ id: `${policy}-${i}`, policy, on: true, options: {} }));
}

const order = (layers: Stack): string[] => layers.map(({ policy }) => policy);

describe('the place of a layer', () => {
  test.each(catalogue.map(({ name, place }) => [name, place] as const))(
    'is described in the words of kyoa’s own file of %s',
    (name, place) => {
      const file = name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
      const [path] = globSync([`src/middleware/${file}.ts`, `src/middleware/${file}/${file}.ts`], { cwd: root });
      const words = /\/\*\*([^]*?)\*\//.exec(readFileSync(join(root, path!), 'utf8'))![1]!;
      expect(words.replaceAll('`', '').replaceAll(/[\s*]+/g, ' ')).toContain(place);
    },
  );

  test('is fine in the usual stack and in every scenario, except where a step shows a misplaced layer', () => {
    expect(hintsOf(usualStack)).toEqual([]);
    const misplaced = scenarios.flatMap(({ id, steps }) =>
      steps.filter(({ configuration }) => hintsOf(configuration.stack).length > 0).map(({ title }) => [id, title]),
    );
    expect(misplaced).toEqual([['fallback', 'Too far inside']]);
    expect(hintsOf(stack(...catalogue.map(({ name }) => name)))).toEqual([]);
  });

  test.each([
    [['hedge', 'retry'], 'hedge is outside retry. Placed inside retry', ['retry', 'hedge']],
    [['retry', 'fallback'], 'fallback is inside retry. Placed outside retry.', ['fallback', 'retry']],
    [['retry', 'breaker', 'dedupe'], 'dedupe is inside retry.', ['dedupe', 'retry', 'breaker']],
    [['endpoints', 'retry', 'hedge'], 'endpoints is outside hedge.', ['retry', 'hedge', 'endpoints']],
    [['idempotency', 'dedupe'], 'idempotency is outside dedupe.', ['dedupe', 'idempotency']],
  ] as const)('of %j gets a hint, and the layer can be moved there', (policies, message, mended) => {
    const [hint, ...others] = hintsOf(stack(...policies));
    expect(hint?.message).toContain(message);
    expect(order(hint!.mended)).toEqual(mended);
    expect(hintsOf(hint!.mended)).toEqual([]);
    expect(others).toEqual([]);
  });

  test('of a layer that is off does not matter', () => {
    const [first, second] = stack('hedge', 'retry');
    expect(hintsOf([{ ...first!, on: false }, second!])).toEqual([]);
  });
});
