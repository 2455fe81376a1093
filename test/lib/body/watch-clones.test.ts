import { describe, expect, test } from 'vitest';
import { origin, settled, type Origin } from '../../support/origin.ts';
import { reasonOf } from '../../support/promises.ts';
import { ends, fetchWatched, hello, inBothModes, modes, part, streamed, text, watch, type Mode } from './watched.ts';

describe('a watched response and its clone', () => {
  type Copies = readonly [original: Response, copy: Response];
  const ways: Record<string, (response: Response) => Copies> = {
    'before their body members are read': (response) => [response, response.clone()],
    'after the body member of the original is read': (response) => {
      void response.body!.locked;
      return [response, response.clone()];
    },
    'after both body members are read': (response) => {
      const copies = [response, response.clone()] as const;
      for (const { body } of copies) void body!.locked;
      return copies;
    },
  };
  const inEachWay = inBothModes(Object.keys(ways));

  async function cloned(server: Origin, way: string, mode: Mode) {
    const { response, reports, fail } = await fetchWatched(server, mode);
    const [original, copy] = ways[way]!(response);
    return { original, copy, reports, fail };
  }

  test.for(inEachWay)('report the end once when both are read to the end, %s (watching %s)', async ([way, mode]) => {
    await using server = await origin(hello);
    const { original, copy, reports } = await cloned(server, way, mode);
    expect(await Promise.all([original.text(), copy.text()])).toEqual(['hello', 'hello']);
    expect(ends(reports)).toEqual(['complete']);
  });

  test.for(inEachWay)('report the end when either is read to its end, %s (watching %s)', async ([way, mode]) => {
    await using server = await origin(hello);
    for (const which of ['original', 'copy'] as const) {
      const copies = await cloned(server, way, mode);
      expect(await copies[which].text()).toBe('hello');
      expect(ends(copies.reports)).toEqual(['complete']);
      expect(await copies[which === 'copy' ? 'original' : 'copy'].text()).toBe('hello');
      expect(ends(copies.reports)).toEqual(['complete']);
    }
  });

  test.for(inEachWay)('report no end when one of two is cancelled, %s (watching %s)', async ([way, mode]) => {
    await using server = await origin(part);
    for (const which of ['original', 'copy'] as const) {
      const { reports, ...copies } = await cloned(server, way, mode);
      await copies[which].body!.cancel('enough');
      await settled();
      expect(ends(reports)).toEqual([]);
      expect(server.exchanges.at(-1)!.state).toBe('open');

      const read = copies[which === 'copy' ? 'original' : 'copy'].text();
      server.exchanges.at(-1)!.response.end(' and the rest');
      expect(await read).toBe('part and the rest');
      expect(ends(reports)).toEqual(['complete']);
    }
  });

  test.for(inEachWay)('report the end when both are cancelled, %s (watching %s)', async ([way, mode]) => {
    await using server = await origin(part);
    const { original, copy, reports } = await cloned(server, way, mode);
    await copy.body!.cancel('enough');
    expect(ends(reports)).toEqual([]);
    await original.body!.cancel('enough');
    expect(ends(reports)).toEqual(['incomplete']);
    expect(await server.exchanges[0]!.over).toBe('cut');
  });

  test.for(modes)('report the end when the last of four is cancelled (watching %s)', async (mode) => {
    await using server = await origin(part);
    const { response, reports } = await fetchWatched(server, mode);
    const copies = [response, response.clone(), response.clone()];
    copies.push(copies[2]!.clone());
    for (const copy of copies) {
      expect(ends(reports)).toEqual([]);
      await copy.body!.cancel();
    }
    expect(ends(reports)).toEqual(['incomplete']);
    expect(await server.exchanges[0]!.over).toBe('cut');
  });

  test.for(inEachWay)('reject the reads of both with the given error, %s (watching %s)', async ([way, mode]) => {
    await using server = await origin(part);
    const { original, copy, reports, fail } = await cloned(server, way, mode);
    const reading = [reasonOf(original.text()), reasonOf(streamed.getReader(copy.body!))];
    await settled();
    const error = new Error('enough');
    fail(error);
    expect(await Promise.all(reading)).toEqual([error, error]);
    expect(ends(reports)).toEqual(['incomplete']);
  });

  test.for(modes)('keep the first end, although the other fails to parse (watching %s)', async (mode) => {
    await using server = await origin(hello);
    const { response } = await fetchWatched(server, mode);
    const copy = response.clone();
    expect(await response.text()).toBe('hello');
    expect(await reasonOf(copy.json())).toBeInstanceOf(SyntaxError);
    expect(watch(response, mode).reports).toEqual(['complete']);
  });

  test('notify a watcher that is added after the clone was created', async () => {
    await using server = await origin(hello);
    const { response } = await fetchWatched(server, 'the end');
    const copy = response.clone();
    const { reports } = watch(response, 'chunks');
    expect(await copy.text()).toBe('hello');
    expect(reports).toEqual(['wait', 'hello', 'wait', 'complete']);
  });

  test('report one wait when both wait, and none for a chunk that the other has read', async () => {
    await using server = await origin(part);
    const { response, reports } = await fetchWatched(server, 'chunks');
    const [ahead, behind] = [response.clone(), response].map((each) => each.body!.getReader());
    await ahead!.read();
    await behind!.read();
    expect(reports).toEqual(['wait', 'part']);
    const next = [ahead!.read(), behind!.read()];
    expect(reports).toEqual(['wait', 'part', 'wait']);
    server.exchanges[0]!.response.end('more');
    expect((await Promise.all(next)).map(({ value }) => text(value))).toEqual(['more', 'more']);
    expect(reports).toEqual(['wait', 'part', 'wait', 'more']);
  });

  test('report a chunk when it arrives, and not again when the other clone reads it', async () => {
    await using server = await origin(part);
    const { response, reports } = await fetchWatched(server, 'chunks');
    const [ahead, behind] = [response.clone(), response].map((each) => each.body!.getReader());
    expect(text((await ahead!.read()).value)).toBe('part');
    await settled();
    const next = ahead!.read(); // waits for the server
    expect(reports).toEqual(['wait', 'part', 'wait']);
    expect(text((await behind!.read()).value)).toBe('part');
    await settled();
    expect(reports).toEqual(['wait', 'part', 'wait']);
    server.exchanges[0]!.response.end('more');
    expect(text((await next).value)).toBe('more');
    expect(reports).toEqual(['wait', 'part', 'wait', 'more']);
  });
});
