import { afterEach, describe, expect, test, vi } from 'vitest';
import { discard } from '../../../src/lib/body/discard.ts';
import { noop } from '../../../src/lib/noop.ts';
import { flood, origin, settled, until, type Origin } from '../../support/origin.ts';
import { ends, hello, modes, part, text, watch } from './watched.ts';

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

describe('discard', () => {
  const kinds = ['nothing', ...modes] as const;
  type Kind = (typeof kinds)[number];

  /** A response to discard, and its reports if it is watched. */
  async function given(server: Origin, kind: Kind, path = ''): Promise<{ response: Response; reports: string[] }> {
    const response = await fetch(server.url + path);
    return kind === 'nothing' ? { response, reports: [] } : watch(response, kind);
  }

  /** Stops all timers, so that the test sees what needs none. */
  const stopTimers = (): void => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });

  test.for(kinds)(
    'reads a short body to its end, which keeps the connection for the next request (watching %s)',
    async (kind) => {
      await using server = await origin(({ response }) => void response.writeHead(503).write('later'));
      const { response, reports } = await given(server, kind);
      expect(discard(response)).toBeUndefined();
      server.exchanges[0]!.response.end(', please');
      expect(await server.exchanges[0]!.over).toBe('complete');
      await settled();
      if (kind !== 'nothing') expect(ends(reports)).toEqual(['complete']);

      await (await fetch(server.url)).body!.cancel();
      expect(server.exchanges.map(({ connection }) => connection)).toEqual([1, 1]);
    },
  );

  test.for(kinds)('keeps the connection of a body of 64 KiB (watching %s)', async (kind) => {
    await using server = await origin(({ response }) => void response.end(Buffer.alloc(64 * 1024)));
    const { response } = await given(server, kind);
    const [started, stopped] = [vi.spyOn(globalThis, 'setTimeout'), vi.spyOn(globalThis, 'clearTimeout')];
    discard(response);
    const [drain] = started.mock.results;
    await until(() => stopped.mock.calls.some(([timer]) => timer === drain!.value));
    discard(await fetch(server.url));
    expect(server.exchanges.map(({ connection }) => connection)).toEqual([1, 1]);
  });

  test.for(kinds)('cancels a body at once whose content-length is above 64 KiB (watching %s)', async (kind) => {
    await using server = await origin(({ response }) => {
      response.writeHead(503, { 'content-length': 64 * 1024 + 1 }).write('part');
    });
    const { response, reports } = await given(server, kind);
    stopTimers();
    discard(response);
    expect(vi.getTimerCount()).toBe(0);
    if (kind !== 'nothing') expect(ends(reports)).toEqual(['incomplete']);
    expect(await server.exchanges[0]!.over).toBe('cut');
  });

  test.for(kinds)('cancels an endless body (watching %s)', async (kind) => {
    await using server = await origin(flood);
    const { response, reports } = await given(server, kind);
    stopTimers();
    discard(response);
    expect(await server.exchanges[0]!.over).toBe('cut');
    if (kind !== 'nothing') expect(ends(reports)).toEqual(['incomplete']);
    await until(() => vi.getTimerCount() === 0);
  });

  test.for(kinds)('cancels a body that has not ended after one second (watching %s)', async (kind) => {
    await using server = await origin(part);
    const { response, reports } = await given(server, kind);
    stopTimers();
    discard(response);
    await settled();
    vi.advanceTimersByTime(999);
    await settled();
    expect([server.exchanges[0]!.state, ends(reports)]).toEqual(['open', []]);
    vi.advanceTimersByTime(1);
    expect(await server.exchanges[0]!.over).toBe('cut');
    if (kind !== 'nothing') expect(ends(reports)).toEqual(['incomplete']);
    await settled();
    expect(vi.getTimerCount()).toBe(0);
  });

  test.for(kinds)('clears its timer once the body has been read (watching %s)', async (kind) => {
    stopTimers();
    const response = new Response('hello'); // without a transport, which has timers of its own
    if (kind !== 'nothing') watch(response, kind);
    discard(response);
    expect(vi.getTimerCount()).toBe(1);
    await until(() => vi.getTimerCount() === 0);
    expect(response.bodyUsed).toBe(true);
  });

  test.for(kinds)('leaves a body alone that is being read (watching %s)', async (kind) => {
    await using server = await origin(part);
    const { response, reports } = await given(server, kind);
    const read = response.text();
    read.catch(noop);
    discard(response);
    await settled();
    expect(ends(reports)).toEqual([]);
    server.exchanges[0]!.response.end(' and the rest');
    expect(await read).toBe('part and the rest');
    if (kind !== 'nothing') expect(ends(reports)).toEqual(['complete']);
  });

  test.for(kinds)('leaves a body alone that has a reader (watching %s)', async (kind) => {
    await using server = await origin(hello);
    const { response, reports } = await given(server, kind);
    const reader = response.body!.getReader();
    discard(response);
    await settled();
    expect(ends(reports)).toEqual([]);
    expect(text((await reader.read()).value)).toBe('hello');
    await reader.cancel();
  });

  test.for(kinds)('leaves a body alone that has been read (watching %s)', async (kind) => {
    await using server = await origin(hello);
    const { response, reports } = await given(server, kind);
    await response.text();
    stopTimers();
    discard(response);
    expect(vi.getTimerCount()).toBe(0);
    if (kind !== 'nothing') expect(ends(reports)).toEqual(['complete']);
  });

  test.for(kinds)('does nothing if there is no body (watching %s)', async (kind) => {
    await using server = await origin(({ response }) => void response.writeHead(204).end());
    const { response } = await given(server, kind);
    stopTimers();
    discard(response);
    expect(vi.getTimerCount()).toBe(0);
  });

  test.for(kinds)('raises no error when the connection breaks (watching %s)', async (kind) => {
    await using server = await origin(part);
    const { response, reports } = await given(server, kind);
    stopTimers();
    discard(response);
    await settled();
    server.exchanges[0]!.response.destroy();
    await until(() => vi.getTimerCount() === 0);
    if (kind !== 'nothing') expect(ends(reports)).toEqual(['incomplete']);
  });

  test('leaves a clone readable', async () => {
    await using server = await origin(part);
    const { response, reports } = await given(server, 'the end');
    const copy = response.clone();
    discard(response);
    const read = copy.text();
    server.exchanges[0]!.response.end(' and the rest');
    expect(await read).toBe('part and the rest');
    expect(ends(reports)).toEqual(['complete']);
  });
});
