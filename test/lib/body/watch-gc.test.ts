import { afterEach, describe, expect, test } from 'vitest';
import { noop } from '../../../src/lib/noop.ts';
import type { Bytes } from '../../../src/lib/body/streams.ts';
import { watchBody, type BodyWatcher } from '../../../src/lib/body/watch.ts';
import { origin, settled, type Exchange, type Origin } from '../../support/origin.ts';
import { reasonOf } from '../../support/promises.ts';
import { gcUntil } from '../../support/sockets.ts';
import { fetchWatched, hello, inBothModes, modes, part, streamed, text, watch, type Mode } from './watched.ts';

describe('a watched response that no code holds', () => {
  /** What a policy holds: a timer or a listener that may fail the body. */
  const held: unknown[] = [];
  afterEach(() => {
    held.length = 0;
  });

  // A function of its own, because the frame of an async test would hold the response.
  async function abandon(
    server: Origin,
    mode: Mode,
    look: (response: Response) => unknown,
  ): Promise<WeakRef<Response>> {
    const { response, reports, fail } = await fetchWatched(server, mode);
    held.push(reports, fail);
    await look(response);
    return new WeakRef(response);
  }

  const looks: Record<string, (response: Response) => unknown> = {
    unread: noop,
    'with its body member read': (response) => response.body!.locked,
    cloned: (response) => void response.clone(),
    'read by text()': (response) => response.text(),
    'read in part': (response) => response.body!.getReader().read(),
  };

  test.for(inBothModes(Object.keys(looks)))('is collected, %s (watching %s)', async ([look, mode]) => {
    await using server = await origin(hello);
    const reference = await abandon(server, mode, looks[look]!);
    await gcUntil(() => reference.deref() === undefined);
    expect(held).toHaveLength(2);
  });

  test.for(modes)('closes its connection, as an unwatched one does (watching %s)', async (mode) => {
    await using server = await origin(part);
    await abandon(server, mode, noop);
    await gcUntil(() => server.exchanges[0]!.state === 'cut');
    expect(held).toHaveLength(2);
  });

  test.for(modes)('keeps its connection while a reader holds its stream (watching %s)', async (mode) => {
    await using server = await origin(part);
    const open = async (): Promise<ReadableStreamDefaultReader<Bytes>> =>
      (await fetchWatched(server, mode)).response.body!.getReader();
    const reader = await open();
    expect(text((await reader.read()).value)).toBe('part');
    const canary = abandonedObject();
    await gcUntil(() => canary.deref() === undefined);
    const exchange: Exchange = server.exchanges[0]!;
    exchange.response.end(' and the rest');
    expect(text((await reader.read()).value)).toBe(' and the rest');
  });

  test.for(inBothModes(['text', 'getReader', 'for await'] as const))(
    'rejects a pending read by %s when its body is failed (watching %s)',
    async ([name, mode]) => {
      const read = (response: Response): Promise<string> =>
        name === 'text' ? response.text() : streamed[name](response.body!);
      const begin = (): readonly [reason: Promise<unknown>, fail: (error: unknown) => void] => {
        const { response, fail } = watch(new Response(new ReadableStream()), mode); // no socket holds it
        return [reasonOf(read(response)), fail];
      };
      const [reason, fail] = begin();
      await settled();
      const canary = abandonedObject();
      await gcUntil(() => canary.deref() === undefined);
      fail('enough');
      expect(await reason).toBe('enough');
    },
  );

  function abandonedObject(): WeakRef<object> {
    return new WeakRef({});
  }
});

describe('a watched body that has ended', () => {
  test.for(modes)('does not keep what was read alive (watching %s)', async (mode) => {
    const read = async (): Promise<readonly [value: WeakRef<ArrayBuffer>, fail: (error: unknown) => void]> => {
      const { response, fail } = watch(new Response('hello'), mode);
      return [new WeakRef(await response.arrayBuffer()), fail];
    };
    const [value, fail] = await read();
    await gcUntil(() => value.deref() === undefined);
    fail('too late');
  });

  test('does not keep its watchers alive', async () => {
    const read = async (): Promise<readonly [watcher: WeakRef<BodyWatcher>, response: Response]> => {
      const watcher: BodyWatcher = { end: noop };
      const response = new Response('hello');
      watchBody(response, watcher);
      await response.text();
      return [new WeakRef(watcher), response];
    };
    const [watcher, response] = await read();
    await gcUntil(() => watcher.deref() === undefined);
    expect(response.bodyUsed).toBe(true);
  });
});
