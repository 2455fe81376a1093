import { afterAll, describe, expect, test, vi } from 'vitest';
import { undici } from '../../../adapters/transport/undici/undici.ts';
import { bodyArrival } from '../../../src/core/engine/transport-protocol.ts';
import { isEventStream } from '../../../src/lib/body/watch.ts';
import { origin, settled } from '../../support/origin.ts';
import { reasonOf } from '../../support/promises.ts';
import { ends, hello, part, responding, watch } from './watched.ts';

const transport = undici();
afterAll(() => transport.destroy());

describe('watchBody of a transport that reports the arrival of a body', () => {
  test('reports the end when the whole body has arrived, although no caller reads it', async () => {
    await using server = await origin(part);
    const { response, reports } = watch(await transport(server.url), 'the end');
    await settled();
    expect(reports).toEqual([]);
    server.exchanges[0]!.response.end(' and the rest');
    await vi.waitFor(() => expect(reports).toEqual(['complete']));
    expect(await response.text()).toBe('part and the rest');
    expect(reports).toEqual(['complete']);
  });

  test('reports an incomplete end when the connection breaks', async () => {
    await using server = await origin(part);
    const { reports } = watch(await transport(server.url), 'the end');
    server.exchanges[0]!.response.destroy();
    await vi.waitFor(() => expect(reports).toEqual(['incomplete']));
  });

  test('puts no members of ours on the response for a watcher of the end', async () => {
    await using server = await origin(hello);
    const response = await transport(server.url);
    const prototype: unknown = Object.getPrototypeOf(response);
    const isUnchanged = (): boolean => Object.getPrototypeOf(response) === prototype;
    watch(response, 'the end');
    expect(isUnchanged()).toBe(true);
    watch(response, 'chunks');
    expect(isUnchanged()).toBe(false);
    await response.text();
  });

  test.for(['pending', 'later'])('rejects a %s read with exactly the given error', async (when) => {
    await using server = await origin(part);
    const { response, reports, fail } = watch(await transport(server.url), 'the end');
    const error = new Error('enough');
    const pending = when === 'pending' && reasonOf(response.text());
    await settled();
    fail(error);
    expect(await (pending || reasonOf(response.text()))).toBe(error);
    expect(reports).toEqual(['incomplete']);
  });

  test('reports the chunks that text() reads', async () => {
    await using server = await origin(hello);
    const { response, reports } = watch(await transport(server.url), 'chunks');
    expect(reports).toEqual([]);
    expect(await response.text()).toBe('hello');
    expect(reports).toEqual(['wait', 'hello', 'wait', 'complete']);
  });
});

describe('watchBody of a clone whose class is written in JavaScript', () => {
  test('reports each chunk once', async () => {
    await using server = await origin(hello);
    const { response, reports } = watch(await transport(server.url), 'chunks');
    void response.body;
    const copy = response.clone();
    expect(await Promise.all([response.text(), copy.text()])).toEqual(['hello', 'hello']);
    expect(reports).toEqual(['wait', 'hello', 'wait', 'complete']);
  });

  test('reports no end when one of the two is cancelled', async () => {
    await using server = await origin(part);
    const { response, reports } = watch(await transport(server.url), 'chunks');
    const copy = response.clone();
    await copy.body!.cancel();
    expect(ends(reports)).toEqual([]);
    await response.body!.cancel();
    expect(ends(reports)).toEqual(['incomplete']);
  });
});

describe('isEventStream', () => {
  test.for([
    ['text/event-stream', true],
    ['text/event-stream; charset=utf-8', true],
    ['text/plain', false],
  ] as const)('of %s is %s', async ([type, expected]) => {
    await using server = await origin(responding('data: 1\n\n', type));
    for (const response of [await fetch(server.url), await transport(server.url)]) {
      expect(isEventStream(response)).toBe(expected);
      await response.text();
    }
  });

  test('reads no headers if the transport reports the content type', () => {
    const response = Object.defineProperty(new Response(null), bodyArrival, {
      value: { contentType: 'text/event-stream' },
    });
    expect(isEventStream(response)).toBe(true);
  });

  test('is false without a content type', () => {
    expect(isEventStream(new Response(null))).toBe(false);
  });
});
