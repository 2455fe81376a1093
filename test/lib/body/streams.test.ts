import { afterEach, describe, expect, test, vi } from 'vitest';
import { byteStream, type Bytes } from '../../../src/lib/body/streams.ts';

const bytes = (...values: number[]): Bytes => new Uint8Array(values);

afterEach(() => vi.unstubAllGlobals());

describe.each(['a stream of bytes', 'a stream where there are none of bytes'])('%s', (kind) => {
  const open = (...args: Parameters<typeof byteStream>): ReadableStream<Bytes> => {
    if (!kind.startsWith('a stream of')) {
      const Native = ReadableStream;
      const Safaris = function (source: UnderlyingDefaultSource, strategy?: QueuingStrategy) {
        if (source.type !== undefined) throw new TypeError('not yet');
        return new Native(source, strategy);
      };
      vi.stubGlobal('ReadableStream', Safaris);
    }
    return byteStream(...args);
  };

  test('asks for a chunk when its reader does, and ends', async () => {
    const chunks = [bytes(1), bytes(2, 3)];
    const next = vi.fn(() => chunks.shift());
    const reader = open(next).getReader();
    expect(next).not.toHaveBeenCalled();
    expect((await reader.read()).value).toEqual(bytes(1));
    expect(next).toHaveBeenCalledOnce();
    expect((await reader.read()).value).toEqual(bytes(2, 3));
    expect(await reader.read()).toEqual({ done: true, value: undefined });
  });

  test('fails as its source does, after what came before', async () => {
    const reason = new Error('cut');
    let first = true;
    const reader = open(async () => {
      if (!first) throw reason;
      first = false;
      return bytes(1);
    }).getReader();
    expect((await reader.read()).value).toEqual(bytes(1));
    await expect(reader.read()).rejects.toBe(reason);
  });

  test('passes a cancel on with its reason', async () => {
    const cancel = vi.fn();
    await open(() => undefined, cancel).cancel('enough');
    expect(cancel).toHaveBeenCalledExactlyOnceWith('enough');
  });
});

test('a reader may bring its own buffer, also to the end', async () => {
  const chunks = [bytes(1, 2, 3)];
  const reader = byteStream(() => chunks.shift()).getReader({ mode: 'byob' });
  expect((await reader.read(new Uint8Array(2))).value).toEqual(bytes(1, 2));
  expect((await reader.read(new Uint8Array(2))).value).toEqual(bytes(3));
  expect((await reader.read(new Uint8Array(2))).done).toBe(true);
});
