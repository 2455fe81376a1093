import { afterEach, describe, expect, test, vi } from 'vitest';
import { byteStream, concat, readUpTo, readOn, type Bytes } from '../../../src/lib/body/streams.ts';
import { settled } from '../../support/origin.ts';
import { reasonOf } from '../../support/promises.ts';

const bytes = (...values: number[]): Bytes => new Uint8Array(values);

/** A stream without byte support, whose chunks keep their buffers. It fails with the first Error among them. */
function streamOf(...chunks: (Bytes | Error)[]) {
  const pull = vi.fn((controller: ReadableStreamDefaultController<Bytes>) => {
    const chunk = chunks.shift();
    if (chunk === undefined) controller.close();
    else if (chunk instanceof Error) controller.error(chunk);
    else controller.enqueue(chunk);
  });
  const cancel = vi.fn<(reason: unknown) => void>();
  const stream = new ReadableStream<Bytes>({ pull, cancel }, { highWaterMark: 0 });
  return { reader: stream.getReader(), pull, cancel };
}

async function readAll(reader: ReadableStreamDefaultReader<Bytes>): Promise<number[][]> {
  const all: number[][] = [];
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return all;
    all.push([...value]);
  }
}

afterEach(() => vi.unstubAllGlobals());

describe.each(['byteStream', 'byteStream without byte streams on the platform'])('%s', (platform) => {
  const open = (...args: Parameters<typeof byteStream>): ReadableStream<Bytes> => {
    if (platform !== 'byteStream') {
      const Native = ReadableStream;
      const Safaris = function (source: UnderlyingDefaultSource, strategy?: QueuingStrategy) {
        if (source.type !== undefined) throw new TypeError('not yet');
        return new Native(source, strategy);
      };
      vi.stubGlobal('ReadableStream', Safaris);
    }
    return byteStream(...args);
  };

  test('requests a chunk when its reader does, and ends', async () => {
    const chunks = [bytes(1), bytes(2, 3)];
    const next = vi.fn(() => chunks.shift());
    const reader = open(next).getReader();
    await settled();
    expect(next).not.toHaveBeenCalled();
    expect((await reader.read()).value).toEqual(bytes(1));
    expect(next).toHaveBeenCalledOnce();
    expect((await reader.read()).value).toEqual(bytes(2, 3));
    expect(await reader.read()).toEqual({ done: true, value: undefined });
  });

  test('fails with the error of its source, after the chunks before it', async () => {
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

describe('byteStream', () => {
  test('serves a BYOB reader to the end', async () => {
    const chunks = [bytes(1, 2, 3)];
    const reader = byteStream(() => chunks.shift()).getReader({ mode: 'byob' });
    expect((await reader.read(new Uint8Array(2))).value).toEqual(bytes(1, 2));
    expect((await reader.read(new Uint8Array(2))).value).toEqual(bytes(3));
    expect((await reader.read(new Uint8Array(2))).done).toBe(true);
  });
});

describe('readUpTo', () => {
  test('resolves to true at the end of the body', async () => {
    const chunks: Bytes[] = [];
    expect(await readUpTo(streamOf(bytes(1), bytes(2, 3)).reader, chunks, 10)).toBe(true);
    expect(chunks).toEqual([bytes(1), bytes(2, 3)]);
  });

  test('resolves to true for a body of exactly the limit', async () => {
    expect(await readUpTo(streamOf(bytes(1), bytes(2, 3)).reader, [], 3)).toBe(true);
  });

  test('resolves to false, and reads no further, once the chunks exceed the limit', async () => {
    const { reader, pull } = streamOf(bytes(1), bytes(2, 3), bytes(4));
    const chunks: Bytes[] = [];
    expect(await readUpTo(reader, chunks, 2)).toBe(false);
    expect(chunks).toEqual([bytes(1), bytes(2, 3)]);
    expect(pull).toHaveBeenCalledTimes(2);
  });

  test('rejects with the error of the body, and keeps the chunks before it', async () => {
    const error = new Error('cut');
    const chunks: Bytes[] = [];
    expect(await reasonOf(readUpTo(streamOf(bytes(1), error).reader, chunks, 10))).toBe(error);
    expect(chunks).toEqual([bytes(1)]);
  });
});

describe('readOn', () => {
  test('streams the chunks that were read, and then the rest', async () => {
    const { reader } = streamOf(bytes(1), bytes(2), bytes(3), bytes(4));
    const chunks: Bytes[] = [];
    await readUpTo(reader, chunks, 1);
    expect(await readAll(readOn(chunks, reader).getReader())).toEqual([[1], [2], [3], [4]]);
  });

  test('reads the rest only on demand', async () => {
    const { reader, pull } = streamOf(bytes(2), bytes(3));
    const rest = readOn([bytes(1)], reader).getReader();
    await rest.read();
    expect(pull).not.toHaveBeenCalled();
    await rest.read();
    expect(pull).toHaveBeenCalledOnce();
  });

  test('skips empty chunks', async () => {
    const { reader } = streamOf(bytes(), bytes(2), bytes());
    expect(await readAll(readOn([bytes(), bytes(1)], reader).getReader())).toEqual([[1], [2]]);
  });

  test('streams chunks that share a buffer', async () => {
    const shared = bytes(1, 2, 3, 4);
    const { reader } = streamOf(shared.subarray(2, 3), shared.subarray(3));
    const rest = readOn([shared.subarray(0, 1), shared.subarray(1, 2)], reader);
    expect(await readAll(rest.getReader())).toEqual([[1], [2], [3], [4]]);
    expect(shared).toEqual(bytes(1, 2, 3, 4));
  });

  test('streams Buffers, whose slice is no copy, and leaves them as they are', async () => {
    const shared = Buffer.from([1, 2, 3, 4]);
    const { reader } = streamOf(shared.subarray(2, 3), shared.subarray(3));
    const rest = readOn([shared.subarray(0, 1), shared.subarray(1, 2)], reader);
    expect(await readAll(rest.getReader())).toEqual([[1], [2], [3], [4]]);
    expect([...shared]).toEqual([1, 2, 3, 4]);
  });

  test('fails with the error of the body, after the chunks before it', async () => {
    const error = new Error('cut');
    const rest = readOn([bytes(1)], streamOf(error).reader).getReader();
    expect((await rest.read()).value).toEqual(bytes(1));
    expect(await reasonOf(rest.read())).toBe(error);
  });

  test('passes a cancel on with its reason, and does not wait for it', async () => {
    const { reader, cancel } = streamOf();
    cancel.mockReturnValue(new Promise(() => {}) as never);
    await readOn([bytes(1)], reader).cancel('enough');
    expect(cancel).toHaveBeenCalledExactlyOnceWith('enough');
  });

  test('ignores an error of the cancel', async () => {
    const { reader, cancel } = streamOf();
    cancel.mockRejectedValue(new Error('of the cancel'));
    await expect(readOn([], reader).cancel()).resolves.toBeUndefined();
  });
});

describe('concat', () => {
  test.each([
    ['no chunk', [], bytes()],
    ['one chunk', [bytes(1, 2)], bytes(1, 2)],
    ['several chunks, one of them empty', [bytes(1), bytes(), bytes(2, 3)], bytes(1, 2, 3)],
    ['a part of a buffer', [bytes(0, 1, 2, 0).subarray(1, 3)], bytes(1, 2)],
  ])('joins %s', (_, chunks, joined) => {
    expect(concat(chunks)).toEqual(joined);
  });
});
