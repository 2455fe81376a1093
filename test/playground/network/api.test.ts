import { memory } from 'kyoa';
import { describe, expect, test } from 'vitest';

import { search } from '../../../playground/network/search.ts';
import { simulatedNetwork } from '../../../playground/network/simulated-network.ts';
import { calm } from '../calm.ts';
import type { Patch } from '../../../playground/network/settings.ts';

const open = (patch: Patch): ReturnType<typeof simulatedNetwork> =>
  simulatedNetwork({ settings: calm(patch), storage: memory() });

describe('the API', () => {
  test('responds with 503 to a request above its capacity, in each lane by itself', async () => {
    const { fetch, origin } = open({ capacity: 2, latency: { median: 20, sigma: 0 } });
    const get = async (lane: string): Promise<number> => (await fetch(`${origin}/${lane}/api/items`)).status;
    expect(await Promise.all([get('kyoa'), get('kyoa'), get('kyoa'), get('plain')])).toEqual([200, 200, 503, 200]);
    expect(await get('kyoa')).toBe(200);
  });

  test.each([
    [false, 'no-store'],
    [true, 'max-age=0'],
  ])('with storable: %s sends Cache-Control: %s', async (storable, expected) => {
    const { fetch, origin } = open({ storable });
    expect((await fetch(`${origin}/api/items`)).headers.get('cache-control')).toBe(expected);
  });

  test('searches words, with those that begin with the text first', async () => {
    const { fetch, origin } = open({});
    const response = await fetch(`${origin}/kyoa/api/search?q=Ret`);
    expect(await response.json()).toMatchObject({ q: 'Ret', results: ['retry'] });
    expect(search('out')).toEqual(['outage', 'outlier', 'route', 'timeout']);
    expect(search(' ')).toEqual([]);
    expect(search('e').length).toBe(6);
  });
});
