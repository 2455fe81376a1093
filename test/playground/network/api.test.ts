import { memory } from 'kyoa';
import { describe, expect, test } from 'vitest';

import { pictureHead, pictureSize } from '../../../playground/network/picture.ts';
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

  test('sends a picture, and a range of it while its ETag is the same', async () => {
    const { fetch, origin } = open({});
    const get = (number: number, headers = {}): Promise<Response> =>
      fetch(`${origin}/api/picture/${number}`, { headers });
    const whole = await get(1);
    const bytes = await whole.bytes();
    const { width, height } = pictureSize;
    expect(bytes.length).toBe(pictureHead.length + width * height * 3);
    expect(new TextDecoder().decode(bytes.subarray(0, pictureHead.length))).toBe(pictureHead);
    expect(await (await get(1)).bytes()).toEqual(bytes);
    expect(await (await get(2)).bytes()).not.toEqual(bytes);

    const ifRange = whole.headers.get('etag')!;
    const part = await get(1, { range: 'bytes=100000-', 'if-range': ifRange });
    expect([part.status, part.headers.get('content-range')]).toEqual([
      206,
      `bytes 100000-${bytes.length - 1}/${bytes.length}`,
    ]);
    expect(await part.bytes()).toEqual(bytes.slice(100_000));
    expect((await get(2, { range: 'bytes=100000-', 'if-range': ifRange })).status).toBe(200);
    expect((await get(1, { range: 'bytes=5-9' })).status).toBe(200);
    const beyond = await get(1, { range: `bytes=${bytes.length}-` });
    expect([beyond.status, beyond.headers.get('content-range')]).toEqual([416, `bytes */${bytes.length}`]);
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
