import { describe, expect, test, vi } from 'vitest';
import type { Bytes } from '../../../src/lib/body/streams.ts';
import { maxLead, SharedBody, type Reader } from '../../../src/middleware/dedupe/shared-body.ts';
import { settled } from '../../support/origin.ts';
import { gcUntil } from '../../support/sockets.ts';

interface Source {
  readonly body: ReadableStream<Bytes>;
  readonly controller: ReadableStreamDefaultController<Bytes>;
  /** Called for each chunk that is requested. */
  readonly pull: ReturnType<typeof vi.fn>;
  readonly cancel: ReturnType<typeof vi.fn>;
}

function source(): Source {
  let controller!: Source['controller'];
  const pull = vi.fn();
  const cancel = vi.fn();
  const body = new ReadableStream<Bytes>(
    { start: (own) => void (controller = own), pull, cancel },
    { highWaterMark: 0 },
  );
  return { body, controller, pull, cancel };
}

const bytes = (text: string): Bytes => new TextEncoder().encode(text);
const text = (bytes: Bytes | undefined): string => new TextDecoder().decode(bytes);
const ignore = (): void => {};
interface Shared {
  readonly shared: SharedBody;
  /** Those that have not left. */
  readonly readers: Reader[];
  readonly streams: ReadableStream<Bytes>[];
}

function share(body: ReadableStream<Bytes>, count: number, leave: (reason: unknown) => void = ignore): Shared {
  const readers: Reader[] = Array.from({ length: count }, () => ({ at: undefined, reject: ignore }));
  const shared = new SharedBody(body, readers);
  return { shared, readers, streams: readers.map((reader) => shared.stream(reader, leave)) };
}
const wholeOf = async (shared: SharedBody): Promise<string> => text((await shared.readAhead(10))?.bytes);

describe('a shared body', () => {
  test('is read whole, for all and for its readers', async () => {
    const { body, controller } = source();
    const { shared, streams } = share(body, 2);
    for (const part of ['he', 'll', 'o']) controller.enqueue(bytes(part));
    controller.close();
    expect(await wholeOf(shared)).toBe('hello');
    for (const stream of streams) expect(await new Response(stream).text()).toBe('hello');
  });

  test('reaches each reader chunk by chunk', async () => {
    const { body, controller } = source();
    const readers = share(body, 2).streams.map((stream) => stream.getReader());
    for (const part of ['he', 'll', 'o']) {
      const reads = readers.map((reader) => reader.read());
      await settled();
      controller.enqueue(bytes(part));
      for (const read of reads) expect(text((await read).value)).toBe(part);
    }
    controller.close();
    for (const reader of readers) expect((await reader.read()).done).toBe(true);
  });

  test('can be empty, and can have empty chunks', async () => {
    for (const parts of [[], [''], ['', 'hello', '']]) {
      const { body, controller } = source();
      const { shared, streams } = share(body, 1);
      for (const part of parts) controller.enqueue(bytes(part));
      controller.close();
      expect(await wholeOf(shared)).toBe(parts.join(''));
      expect(await new Response(streams[0]).text()).toBe(parts.join(''));
    }
  });

  test.each<[string, Bytes]>([
    ['bytes', bytes('hello')],
    ['Buffers, whose slice is no copy', Buffer.from('hello')],
  ])('gives each reader copies of chunks that are %s', async (_what, chunk) => {
    const { body, controller } = source();
    const { shared, streams } = share(body, 2);
    controller.enqueue(chunk);
    controller.close();
    const [one, other] = streams.map((stream) => stream.getReader().read());
    (await one!).value!.fill(0);
    expect(text((await other!).value)).toBe('hello');
    expect(text(chunk)).toBe('hello');
    expect(shared.isOver).toBe(false);
  });

  test('is whole although a reader has passed its chunks, which are Buffers', async () => {
    const { body, controller } = source();
    const { shared, streams } = share(body, 1);
    const whole = wholeOf(shared);
    controller.enqueue(Buffer.from('hello'));
    await streams[0]!.getReader().read();
    controller.close();
    expect(await whole).toBe('hello');
  });

  test('is read ahead up to the limit, and is whole if it is no longer', async () => {
    for (const [limit, whole] of [
      [5, 'hello'],
      [4, undefined],
      [0, undefined],
    ] as const) {
      const { body, controller } = source();
      const { shared, streams } = share(body, 2);
      for (const part of ['he', 'll', 'o']) controller.enqueue(bytes(part));
      controller.close();
      const content = await shared.readAhead(limit);
      expect(content && text(content.bytes)).toBe(whole);
      for (const stream of streams) expect(await new Response(stream).text()).toBe('hello');
    }
  });

  test('is then read at the pace of its fastest reader, and once', async () => {
    const { body, controller, pull } = source();
    // Chunks that share one buffer, as those of Node's files do.
    const slab = bytes('abcdefgh');
    pull.mockImplementation(() => {
      const n = pull.mock.calls.length - 1;
      if (n === 8) controller.close();
      else controller.enqueue(slab.subarray(n, n + 1));
    });
    const {
      shared,
      streams: [fast, slow],
    } = share(body, 2);
    expect(await shared.readAhead(3)).toBeUndefined();
    await settled();
    expect(pull).toHaveBeenCalledTimes(4);
    const reader = fast!.getReader();
    let read = '';
    for (let n = 0; n < 6; n += 1) read += text((await reader.read()).value);
    await settled();
    expect([read, pull.mock.calls.length]).toEqual(['abcdef', 6]);
    expect(await new Response(slow).text()).toBe('abcdefgh');
    for (let { value, done } = await reader.read(); !done; { value, done } = await reader.read()) read += text(value);
    expect([read, text(slab), pull.mock.calls.length]).toEqual(['abcdefgh', 'abcdefgh', 9]);
  });

  test('holds no bytes that all readers have passed, and those that a slow reader has not passed once', async () => {
    const { body, controller, pull } = source();
    const megabyte = 1_000_000;
    pull.mockImplementation(() =>
      pull.mock.calls.length > 100 ? controller.close() : controller.enqueue(new Uint8Array(megabyte)),
    );
    const readers = share(body, 3).streams.map((stream) => stream.getReader());
    const slow = readers.pop()!;
    const before = process.memoryUsage().external;
    for (let n = 0; n < 50; n += 1) {
      for (const reader of readers) expect((await reader.read()).value).toHaveLength(megabyte);
    }
    await gcUntil(() => process.memoryUsage().external - before < 60 * megabyte);
    for (let n = 0; n < 50; n += 1) expect((await slow.read()).value).toHaveLength(megabyte);
    await gcUntil(() => process.memoryUsage().external - before < 10 * megabyte);
    const rest = [...readers, slow].map(async (reader) => {
      let length = 0;
      for (let { value, done } = await reader.read(); !done; { value, done } = await reader.read())
        length += value!.length;
      return length;
    });
    expect(await Promise.all(rest)).toEqual([50, 50, 50].map((chunks) => chunks * megabyte));
  });

  test.each<[string, (body: Shared) => Promise<unknown>]>([
    ['reads on', ({ streams }) => streams[1]!.getReader().read()],
    ['leaves', async ({ shared, readers }) => shared.close(readers.pop()!, 'gone')],
  ])('lets a reader wait that is too far ahead of the slowest one, until that one %s', async (_how, move) => {
    const { body, controller, pull } = source();
    const chunk = new Uint8Array(maxLead / 4 + 1);
    pull.mockImplementation(() => controller.enqueue(chunk));
    const shared = share(body, 2);
    const reader = shared.streams[0]!.getReader();
    for (let n = 0; n < 4; n += 1) await reader.read();
    let arrived = false;
    const fifth = reader.read().then(() => (arrived = true));
    await settled();
    expect([arrived, pull.mock.calls.length]).toEqual([false, 4]);
    await move(shared);
    expect(await fifth).toBe(true);
  });

  test('that fails gives every reader the bytes that had arrived, then the error', async () => {
    const { body, controller, pull } = source();
    const reason = new Error('cut');
    const { shared, streams } = share(body, 2);
    pull.mockImplementation(() =>
      pull.mock.calls.length < 3 ? controller.enqueue(bytes('hel')) : controller.error(reason),
    );
    expect(await shared.readAhead(10)).toBeUndefined();
    for (const stream of streams) {
      const reader = stream.getReader();
      expect(text((await reader.read()).value) + text((await reader.read()).value)).toBe('helhel');
      await expect(reader.read()).rejects.toBe(reason);
    }
    expect(shared.isOver).toBe(true);
  });

  test('that fails unread causes no unhandled rejection', async () => {
    const { body, controller } = source();
    void share(body, 2).shared.readAhead(10);
    controller.error(new Error('cut'));
    await settled(); // vitest reports unhandled rejections
  });

  test('is read on when a reader cancels, and that reader leaves with the reason', async () => {
    const { body, controller, cancel } = source();
    const leave = vi.fn();
    const { shared, streams } = share(body, 1, leave);
    const whole = wholeOf(shared);
    controller.enqueue(bytes('hel'));
    await settled();
    await streams[0]!.cancel('enough');
    expect(leave).toHaveBeenCalledExactlyOnceWith('enough');
    expect(cancel).not.toHaveBeenCalled();
    controller.enqueue(bytes('lo'));
    controller.close();
    expect(await whole).toBe('hello');
  });

  test('rejects the reads of a reader that is closed at once, and those of no other', async () => {
    const { body, controller } = source();
    const { shared, readers, streams } = share(body, 2);
    const reads = streams.map((stream) => new Response(stream).text());
    await settled();
    shared.close(readers.shift()!, 'gone');
    await expect(reads[0]).rejects.toBe('gone');
    controller.enqueue(bytes('hello'));
    controller.close();
    expect(await reads[1]).toBe('hello');
  });

  test('that is failed rejects all reads, and is cancelled', async () => {
    const { body, controller, cancel } = source();
    const { shared, streams } = share(body, 2);
    const reader = streams[0]!.getReader();
    const whole = shared.readAhead(10);
    controller.enqueue(bytes('hel'));
    expect(text((await reader.read()).value)).toBe('hel');
    const rest = reader.read();
    await settled();
    shared.fail('the last caller left');
    await expect(rest).rejects.toBe('the last caller left');
    expect(await whole).toBeUndefined();
    await expect(new Response(streams[1]).text()).rejects.toBe('the last caller left');
    expect(cancel).toHaveBeenCalledExactlyOnceWith('the last caller left');
  });

  test('whose chunks are not bytes fails', async () => {
    const { body, controller } = source();
    const { shared, streams } = share(body, 1);
    controller.enqueue('text' as never);
    controller.close();
    expect(await shared.readAhead(10)).toBeUndefined();
    await expect(new Response(streams[0]).text()).rejects.toThrow(TypeError);
  });

  test('lets a reader leave whose stream is collected', async () => {
    const { body, controller } = source();
    const leave = vi.fn();
    const abandon = async (): Promise<SharedBody> => {
      const { shared, streams } = share(body, 2, leave);
      controller.enqueue(bytes('hel'));
      await streams[0]!.getReader().read();
      return shared;
    };
    const shared = await abandon();
    await gcUntil(() => leave.mock.calls.length === 2);
    expect(leave).toHaveBeenCalledWith(expect.objectContaining({ name: 'AbortError' }));
    expect(shared.isOver).toBe(false);
  });
});
