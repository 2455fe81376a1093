import { describe, expect, test } from 'vitest';
import { privateState } from '../../../src/core/engine/private-state.ts';

describe('privateState', () => {
  test('is undefined until it is set, and can be set again', () => {
    const state = privateState<string>();
    const target = {};
    expect(state.get(target)).toBeUndefined();
    state.set(target, 'one');
    expect(state.get(target)).toBe('one');
    state.set(target, 'two');
    expect(state.get(target)).toBe('two');
  });

  test('is kept for each target and for each privateState', () => {
    const [names, sizes] = [privateState<string>(), privateState<number>()];
    const [one, two] = [{}, {}];
    names.set(one, 'one');
    names.set(two, 'two');
    sizes.set(one, 1);
    expect([names.get(one), names.get(two), sizes.get(one), sizes.get(two)]).toEqual(['one', 'two', 1, undefined]);
  });

  test('leaves its target unchanged to other code', () => {
    const target = new Response('body');
    const prototype = Object.getPrototypeOf(target) as object;
    privateState<string>().set(target, 'one');
    expect(Object.getPrototypeOf(target)).toBe(prototype);
    expect(Reflect.ownKeys(target)).toEqual(Reflect.ownKeys(new Response('body')));
  });
});
