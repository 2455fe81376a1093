import { describe, expect, test, vi } from 'vitest';
import type { Bytes } from '../../../src/lib/body/streams.ts';
import { sharedBody, type SharedBody } from '../../../src/middleware/dedupe/shared-body.ts';
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
const wholeOf = async ({ whole }: SharedBody): Promise<string> => text((await whole)?.bytes);
const none = (): void => {};

describe('a shared body', () => {
  test('is read whole, for all and for its reader', async () => {
    const { body, controller } = source();
    const shared = sharedBody(body, 10, none);
    for (const part of ['he', 'll', 'o']) controller.enqueue(bytes(part));
    controller.close();
    expect(await wholeOf(shared)).toBe('hello');
    expect(await new Response(shared.stream).text()).toBe('hello');
  });

  test('reaches its reader chunk by chunk', async () => {
    const { body, controller } = source();
    const reader = sharedBody(body, 10, none).stream.getReader();
    for (const part of ['he', 'll', 'o']) {
      const read = reader.read();
      await settled();
      controller.enqueue(bytes(part));
      expect(text((await read).value)).toBe(part);
    }
    controller.close();
    expect((await reader.read()).done).toBe(true);
  });

  test('can be empty, and can have empty chunks', async () => {
    for (const parts of [[], [''], ['', 'hello', '']]) {
      const { body, controller } = source();
      const shared = sharedBody(body, 10, none);
      for (const part of parts) controller.enqueue(bytes(part));
      controller.close();
      expect(await wholeOf(shared)).toBe(parts.join(''));
      expect(await new Response(shared.stream).text()).toBe(parts.join(''));
    }
  });

  test('gives its reader copies of the chunks', async () => {
    const { body, controller } = source();
    const shared = sharedBody(body, 10, none);
    controller.enqueue(bytes('hello'));
    controller.close();
    (await shared.stream.getReader().read()).value!.fill(0);
    expect(await wholeOf(shared)).toBe('hello');
  });

  test('is shared whole up to the limit; beyond it only the reader of the stream gets it', async () => {
    for (const [limit, whole] of [
      [5, 'hello'],
      [4, undefined],
      [0, undefined],
    ] as const) {
      const { body, controller } = source();
      const shared = sharedBody(body, limit, none);
      for (const part of ['he', 'll', 'o']) controller.enqueue(bytes(part));
      controller.close();
      const content = await shared.whole;
      expect(content && text(content.bytes)).toBe(whole);
      expect(await new Response(shared.stream).text()).toBe('hello');
    }
  });

  test('beyond the limit is read at the pace of its reader', async () => {
    const { body, controller, pull } = source();
    // Chunks that share one buffer, as those of Node's files do.
    const slab = bytes('abcdefgh');
    pull.mockImplementation(() => {
      const n = pull.mock.calls.length - 1;
      if (n === 8) controller.close();
      else controller.enqueue(slab.subarray(n, n + 1));
    });
    const shared = sharedBody(body, 3, none);
    expect(await shared.whole).toBeUndefined();
    await settled();
    expect(pull).toHaveBeenCalledTimes(4);
    const reader = shared.stream.getReader();
    let read = '';
    for (let n = 0; n < 6; n += 1) read += text((await reader.read()).value);
    await settled();
    expect([read, pull.mock.calls.length]).toEqual(['abcdef', 6]);
    for (let { value, done } = await reader.read(); !done; { value, done } = await reader.read()) read += text(value);
    expect([read, text(slab)]).toEqual(['abcdefgh', 'abcdefgh']);
  });

  test('beyond the limit is not kept in memory', async () => {
    const { body, controller, pull } = source();
    const megabyte = 1_000_000;
    pull.mockImplementation(() =>
      pull.mock.calls.length > 100 ? controller.close() : controller.enqueue(new Uint8Array(megabyte)),
    );
    const reader = sharedBody(body, megabyte, none).stream.getReader();
    const before = process.memoryUsage().external;
    for (let n = 0; n < 90; n += 1) expect((await reader.read()).value).toHaveLength(megabyte);
    await gcUntil(() => process.memoryUsage().external - before < 20 * megabyte);
    let rest = 0;
    for (let { value, done } = await reader.read(); !done; { value, done } = await reader.read()) rest += value!.length;
    expect(rest).toBe(10 * megabyte);
  });

  test('that fails gives every reader the bytes that had arrived, then the error', async () => {
    const { body, controller, pull } = source();
    const reason = new Error('cut');
    const shared = sharedBody(body, 10, none);
    pull.mockImplementation(() =>
      pull.mock.calls.length < 3 ? controller.enqueue(bytes('hel')) : controller.error(reason),
    );
    await expect(shared.whole).rejects.toBe(reason);
    for (const stream of [shared.stream, shared.again(), shared.again()]) {
      const reader = stream.getReader();
      expect(text((await reader.read()).value) + text((await reader.read()).value)).toBe('helhel');
      await expect(reader.read()).rejects.toBe(reason);
    }
  });

  test('that fails beyond the limit fails for its reader', async () => {
    const { body, controller } = source();
    const shared = sharedBody(body, 1, none);
    controller.enqueue(bytes('hello'));
    expect(await shared.whole).toBeUndefined();
    const reader = shared.stream.getReader();
    await reader.read();
    controller.error('cut');
    await expect(reader.read()).rejects.toBe('cut');
  });

  test('that fails unread causes no unhandled rejection', async () => {
    const { body, controller } = source();
    sharedBody(body, 10, none);
    controller.error(new Error('cut'));
    await settled(); // vitest reports unhandled rejections
  });

  test('that its reader cancels is read on for the others, and onCancel is called', async () => {
    const { body, controller, cancel } = source();
    const onCancel = vi.fn();
    const shared = sharedBody(body, 10, onCancel);
    controller.enqueue(bytes('hel'));
    await settled();
    await shared.stream.cancel('enough');
    expect(onCancel).toHaveBeenCalledOnce();
    expect(cancel).not.toHaveBeenCalled();
    controller.enqueue(bytes('lo'));
    controller.close();
    expect(await wholeOf(shared)).toBe('hello');
  });

  test('that its reader cancels beyond the limit is cancelled', async () => {
    const { body, controller, cancel } = source();
    const shared = sharedBody(body, 1, none);
    controller.enqueue(bytes('hello'));
    await shared.whole;
    await shared.stream.cancel('enough');
    expect(cancel).toHaveBeenCalledExactlyOnceWith('enough');
  });

  test('rejects when its signal aborts, and does not end', async () => {
    const { body, controller, cancel } = source();
    const work = new AbortController();
    const shared = sharedBody(body, 10, none, work.signal);
    const reader = shared.stream.getReader();
    controller.enqueue(bytes('hel'));
    expect(text((await reader.read()).value)).toBe('hel');
    const rest = reader.read();
    work.abort('the last caller left');
    await expect(rest).rejects.toBe('the last caller left');
    await expect(shared.whole).rejects.toBe('the last caller left');
    expect(cancel).toHaveBeenCalledExactlyOnceWith('the last caller left');
  });

  test('whose chunks are not bytes fails', async () => {
    const { body, controller } = source();
    const shared = sharedBody(body, 10, none);
    controller.enqueue('text' as never);
    controller.close();
    await expect(shared.whole).rejects.toThrow(RangeError);
    await expect(new Response(shared.stream).text()).rejects.toThrow(TypeError);
  });
});
