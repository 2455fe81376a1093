import { describe, expect, test } from 'vitest';
import { flood, origin, settled } from '../../support/origin.ts';
import { reasonOf } from '../../support/promises.ts';
import { ends, fetchWatched, hello, inBothModes, modes, part, streamed, text, watch } from './watched.ts';

describe('the function that fails a watched body', () => {
  /** Each way to read a body. */
  const reading: Record<string, (response: Response) => Promise<unknown>> = {
    'text()': (response) => response.text(),
    'json()': (response) => response.json(),
    'arrayBuffer()': (response) => response.arrayBuffer(),
    'bytes()': (response) => response.bytes(),
    'blob()': (response) => response.blob(),
    'formData()': (response) => response.formData(),
    'text() after a read of the body member': (response) => (response.body!.locked, response.text()),
    getReader: (response) => streamed.getReader(response.body!),
    'for await': (response) => streamed['for await'](response.body!),
    pipeTo: (response) => streamed.pipeTo(response.body!),
    tee: (response) => streamed.tee(response.body!),
    'a BYOB reader': (response) => streamed['a BYOB reader'](response.body!),
    'a clone': (response) => response.clone().text(),
  };
  const everyWay = inBothModes(Object.keys(reading));

  test.for(everyWay)('rejects a pending read by %s with exactly the given error (watching %s)', async ([way, mode]) => {
    await using server = await origin(part);
    const { response, reports, fail } = await fetchWatched(server, mode);
    const reason = reasonOf(reading[way]!(response));
    await settled();
    expect(ends(reports)).toEqual([]);
    const error = new Error('enough');
    fail(error); // the transport has received no signal
    expect(await reason).toBe(error);
    expect(ends(reports)).toEqual(['incomplete']);
  });

  test.for(everyWay)('rejects a later read by %s with exactly the given error (watching %s)', async ([way, mode]) => {
    await using server = await origin(hello);
    const { response, reports, fail } = await fetchWatched(server, mode);
    const error = new Error('enough');
    fail(error);
    expect(ends(reports)).toEqual(['incomplete']);
    expect(await reasonOf(reading[way]!(response))).toBe(error);
    expect(ends(reports)).toEqual(['incomplete']);
  });

  test.for(inBothModes(['text()', 'for await']))(
    'rejects a read by %s with the given error although the transport fails with another (watching %s)',
    async ([way, mode]) => {
      await using server = await origin(part);
      const controller = new AbortController();
      const { response, reports, fail } = await fetchWatched(server, mode, { signal: controller.signal });
      const reason = reasonOf(reading[way]!(response));
      await settled();
      const error = new Error('enough');
      controller.abort(new Error('of the transport'));
      fail(error);
      expect(await reason).toBe(error);
      expect(ends(reports)).toEqual(['incomplete']);
      expect(await server.exchanges[0]!.over).toBe('cut');
    },
  );

  test.for(modes)('rejects the reads of a reader that has read chunks before (watching %s)', async (mode) => {
    await using server = await origin(part);
    const { response, fail } = await fetchWatched(server, mode);
    const reader = response.body!.getReader();
    expect(text((await reader.read()).value)).toBe('part');
    const error = new Error('enough');
    fail(error);
    expect(await reasonOf(reader.read())).toBe(error);
    expect(await reasonOf(reader.closed)).toBe(error);
  });

  test('closes the connection of a stream although the transport receives no signal', async () => {
    await using server = await origin(flood);
    for (const mode of modes) {
      const { response, fail } = await fetchWatched(server, mode);
      const reader = response.body!.getReader();
      await reader.read();
      fail(new Error('enough'));
      expect(await server.exchanges.at(-1)!.over).toBe('cut');
      await reasonOf(reader.closed);
    }
  });

  test.for(modes)('takes any value for the error (watching %s)', async (mode) => {
    await using server = await origin(part);
    for (const error of ['enough', null, undefined]) {
      const { response, fail } = await fetchWatched(server, mode);
      const reason = reasonOf(response.text());
      fail(error);
      expect(await reason).toBe(error);
    }
  });

  test.for(modes)('keeps the first error (watching %s)', async (mode) => {
    await using server = await origin(part);
    const { response, reports, fail } = await fetchWatched(server, mode);
    const { fail: failAgain, reports: others } = watch(response, 'the end');
    fail('first');
    failAgain('second');
    expect(await reasonOf(response.text())).toBe('first');
    expect([...ends(reports), ...others]).toEqual(['incomplete', 'incomplete']);
  });

  test.for(modes)('has no effect after the body has been read (watching %s)', async (mode) => {
    await using server = await origin(hello);
    const { response, reports, fail } = await fetchWatched(server, mode);
    expect(await response.text()).toBe('hello');
    fail(new Error('too late'));
    expect(ends(reports)).toEqual(['complete']);
  });

  test.for(modes)('has no effect after the body was cancelled (watching %s)', async (mode) => {
    await using server = await origin(part);
    const { response, reports, fail } = await fetchWatched(server, mode);
    await response.body!.cancel();
    fail(new Error('too late'));
    expect(ends(reports)).toEqual(['incomplete']);
    await expect(response.body!.cancel()).resolves.toBeUndefined();
  });

  test.for(modes)(
    'rejects a pending read although the caller has read the body member meanwhile (watching %s)',
    async (mode) => {
      await using server = await origin(part);
      const { response, reports, fail } = await fetchWatched(server, mode);
      const reason = reasonOf(response.text());
      void response.body!.locked;
      await settled();
      fail('enough');
      expect(await reason).toBe('enough');
      expect(ends(reports)).toEqual(['incomplete']);
    },
  );
});
