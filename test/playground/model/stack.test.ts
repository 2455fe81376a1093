import type { EndpointsPolicy } from 'kyoa';
import { expect, test } from 'vitest';

import { createBuilder } from '../../../playground/model/stack.ts';
import type { OptionValues, PolicyEntry } from '../../../playground/model/types.ts';

const builder = () => createBuilder({ origin: 'http://example.com', onLimit: () => {} });
const endpoints = (options: OptionValues): PolicyEntry => ({ id: 'one', policy: 'endpoints', on: true, options });
const weights = (policy: unknown): number[] => (policy as EndpointsPolicy).snapshot().map(({ weight }) => weight);

test('endpoints stays in use when a weight changes, and takes the weight over', () => {
  const stacks = builder();
  const [first] = stacks.build([endpoints({ 'weight.eu': 9, 'eject.failures': 3 })]).layers;
  const [second] = stacks.build([endpoints({ 'weight.eu': 0, 'eject.failures': 3 })]).layers;
  expect(second!.policy).toBe(first!.policy);
  expect(weights(second!.policy)).toEqual([0, 1, 1]);
  const [third] = stacks.build([endpoints({ 'weight.eu': 0, 'eject.failures': 3 })]).layers;
  expect(third!.policy).toBe(first!.policy);
});

test('endpoints is made anew when another option changes', () => {
  const stacks = builder();
  const [first] = stacks.build([endpoints({ 'weight.eu': 9 })]).layers;
  const [second] = stacks.build([endpoints({ 'weight.eu': 9, pick: 'fastest' })]).layers;
  expect(second!.policy).not.toBe(first!.policy);
});

test('endpoints in use keeps its weights when the new stack has a problem', () => {
  const stacks = builder();
  const [layer] = stacks.build([endpoints({ 'weight.eu': 9 })]).layers;
  expect(stacks.build([endpoints({ 'weight.eu': -1 })]).problems).toMatchObject([
    { entry: 'one', option: 'weight.eu' },
  ]);
  const wrong: PolicyEntry = { id: 'two', policy: 'retry', on: true, options: { retries: -1 } };
  expect(stacks.build([wrong, endpoints({ 'weight.eu': 2 })]).problems).toMatchObject([{ entry: 'two' }]);
  expect(weights(layer!.policy)).toEqual([9, 1, 1]);
  stacks.build([endpoints({ 'weight.eu': 2 })]);
  expect(weights(layer!.policy)).toEqual([2, 1, 1]);
});
