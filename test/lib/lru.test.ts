import { describe, expect, test } from 'vitest';
import { lruMap } from '../../src/lib/lru.ts';

describe('an LRU map', () => {
  const fill = (states: { get(key: string): unknown }, from: number, to: number): void => {
    for (let n = from; n < to; n += 1) states.get(`key ${n}`);
  };

  test('creates a state once and keeps it', () => {
    const states = lruMap(
      (key) => ({ key }),
      () => true,
    );
    const one = states.get('one');
    states.get('two');
    expect(states.get('one')).toBe(one);
    expect(Array.from(states, ([key]) => key).sort()).toEqual(['one', 'two']);
  });

  test('holds 1,000 states, and deletes the least recently used one', () => {
    const states = lruMap(
      (key) => ({ key }),
      () => true,
    );
    fill(states, 0, 1_000);
    states.get('key 0');
    fill(states, 1_000, 1_001);
    const keys = new Set(Array.from(states, ([key]) => key));
    expect(keys.size).toBe(1_000);
    expect(keys.has('key 0')).toBe(true);
    expect(keys.has('key 1')).toBe(false);
  });

  test('keeps states that are not idle, however many there are, and deletes them once they are idle', () => {
    let busy = true;
    const states = lruMap(
      (key) => key,
      () => !busy,
    );
    fill(states, 0, 1_500);
    expect([...states]).toHaveLength(1_500);
    busy = false;
    fill(states, 1_500, 1_501);
    expect([...states]).toHaveLength(1_000);
  });
});
