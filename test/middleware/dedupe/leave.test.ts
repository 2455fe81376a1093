import { getEventListeners } from 'node:events';
import { describe, expect, test } from 'vitest';
import { createFetch, dedupe, timeout } from '../../../src/index.ts';
import { settled, type Exchange } from '../../support/origin.ts';
import { reasonOf } from '../../support/promises.ts';
import { calls, fetch, manualServer } from './calls.ts';

const write = ({ response: reply }: Exchange, text: string): unknown => reply.write(text);
const end = ({ response: reply }: Exchange, text: string): unknown => reply.end(text);

describe('a caller of dedupe that leaves', () => {
  /** Three callers. `leave(n)` aborts the call of one, with its number in the reason. */
  const three = (
    url: string,
  ): { responses: Promise<Response>[]; leave: (n: number) => void; signals: AbortSignal[] } => {
    const controllers = [0, 1, 2].map(() => new AbortController());
    const signals = controllers.map(({ signal }) => signal);
    const responses = calls(3, url, (n) => ({ signal: signals[n]! }));
    for (const response of responses) response.catch(() => {});
    return { responses, signals, leave: (n) => controllers[n]!.abort(`caller ${n}`) };
  };
  const texts = (responses: readonly Promise<Response>[]): Promise<string>[] =>
    responses.map(async (response) => (await response).text());

  test.each([
    ['the first', [0]],
    ['another', [1]],
    ['all but one', [0, 2]],
    ['all but the first', [2, 1]],
  ])('before the headers (%s) does not affect the others', async (_who, leavers) => {
    await using server = await manualServer();
    const { responses, leave, signals } = three(server.url);
    const reads = texts(responses);
    const outcomes = Promise.allSettled(reads);
    const exchange = await server.next();
    for (const n of leavers) {
      leave(n);
      expect(await reasonOf(responses[n]!)).toBe(`caller ${n}`); // at once: the server has not responded
    }
    end(exchange, 'hello');
    expect((await outcomes).map((outcome) => (outcome.status === 'fulfilled' ? outcome.value : 'left'))).toEqual(
      [0, 1, 2].map((n) => (leavers.includes(n) ? 'left' : 'hello')),
    );
    expect(await exchange.over).toBe('complete');
    expect(server.exchanges).toHaveLength(1);
    expect(signals.flatMap((signal) => getEventListeners(signal, 'abort'))).toEqual([]);
  });

  test.each([
    ['the first', [0]],
    ['another', [1]],
    ['all but one', [0, 2]],
    ['all but the first', [2, 1]],
  ])('within the body (%s) does not affect the others', async (_who, leavers) => {
    await using server = await manualServer();
    const { responses, leave, signals } = three(server.url);
    const reads = texts(responses);
    const outcomes = Promise.allSettled(reads);
    const exchange = await server.next();
    write(exchange, 'hel');
    await responses[0];
    await settled();
    for (const n of leavers) {
      leave(n);
      expect(await reasonOf(reads[n]!)).toBe(`caller ${n}`);
    }
    end(exchange, 'lo');
    expect((await outcomes).map((outcome) => (outcome.status === 'fulfilled' ? outcome.value : 'left'))).toEqual(
      [0, 1, 2].map((n) => (leavers.includes(n) ? 'left' : 'hello')),
    );
    expect(await exchange.over).toBe('complete');
    expect(server.exchanges).toHaveLength(1);
    expect(signals.flatMap((signal) => getEventListeners(signal, 'abort'))).toEqual([]);
  });

  test('by cancelling its body does not affect the others', async () => {
    await using server = await manualServer();
    const { responses } = three(server.url);
    const exchange = await server.next();
    write(exchange, 'hel');
    await (await responses[0]!).body!.cancel('no more');
    end(exchange, 'lo');
    const [second, third] = await Promise.all(responses.slice(1));
    await second!.body!.cancel();
    expect(await third!.text()).toBe('hello');
    expect(await exchange.over).toBe('complete');
  });

  test.each(['before the headers', 'within the body'])(
    'last (%s) aborts the request, and a new call does not join it',
    async (phase) => {
      await using server = await manualServer();
      for (const order of [
        [0, 1, 2],
        [2, 0, 1],
        [1, 2, 0],
      ]) {
        const { responses, leave, signals } = three(server.url);
        const reads = texts(responses);
        const exchange = await server.next();
        if (phase === 'within the body') {
          write(exchange, 'part');
          await responses[0];
        }
        const reasons = Promise.all(reads.map(reasonOf));
        for (const n of order) {
          expect(exchange.state).toBe('open');
          leave(n);
        }
        const fresh = fetch(server.url);
        expect(await reasons).toEqual(['caller 0', 'caller 1', 'caller 2']);
        expect(await exchange.over).toBe('cut');
        const another = await server.next();
        await settled();
        const joined = fetch(server.url); // the fresh one, which is still the one to join
        end(another, 'fresh');
        expect(await Promise.all([fresh, joined].map(async (response) => (await response).text()))).toEqual([
          'fresh',
          'fresh',
        ]);
        expect(signals.flatMap((signal) => getEventListeners(signal, 'abort'))).toEqual([]);
      }
      expect(server.exchanges).toHaveLength(6);
    },
  );

  test('last, by cancelling the body, aborts the request', async () => {
    await using server = await manualServer();
    const { responses, leave } = three(server.url);
    const exchange = await server.next();
    write(exchange, 'part');
    const leader = await responses[0]!;
    leave(1);
    leave(2);
    await settled();
    expect(exchange.state).toBe('open');
    await leader.body!.cancel();
    expect(await exchange.over).toBe('cut');
  });

  test('before it has joined rejects, and sends no request', async () => {
    await using server = await manualServer();
    const staying = fetch(server.url);
    expect(await reasonOf(fetch(server.url, { signal: AbortSignal.abort('gone') }))).toBe('gone');
    end(await server.next(), 'hello');
    expect(await (await staying).text()).toBe('hello');
    expect(server.exchanges).toHaveLength(1);
  });

  test('because of its own limit does not affect the others', async () => {
    await using server = await manualServer();
    const fetch = createFetch({ use: [timeout(5_000), dedupe()] });
    const [patient, hasty] = [fetch(server.url), reasonOf(fetch(server.url, { timeout: 20 }))];
    const exchange = await server.next();
    expect(await hasty).toMatchObject({ name: 'TimeoutError', phase: 'total', limit: 20 });
    end(exchange, 'worth it');
    expect(await (await patient).text()).toBe('worth it');
    expect(server.exchanges).toHaveLength(1);
  });

  test('because of its limit does not shorten the time of the others, even if it was the first', async () => {
    await using server = await manualServer();
    const fetch = createFetch({ use: [timeout(5_000), dedupe(), timeout({ headers: 5_000 })] });
    const [hasty, patient] = [reasonOf(fetch(server.url, { timeout: { total: 20 } })), fetch(server.url)];
    const exchange = await server.next();
    expect(await hasty).toMatchObject({ name: 'TimeoutError' });
    end(exchange, 'worth it');
    expect(await (await patient).text()).toBe('worth it');
  });

  test('first leaves the body to the others as it arrives, with an idle limit of their own', async () => {
    await using server = await manualServer();
    const fetch = createFetch({ use: [timeout({ idle: 60 }), dedupe()] });
    const controller = new AbortController();
    const [first, second] = [fetch(server.url, { signal: controller.signal }), fetch(server.url)];
    const exchange = await server.next();
    write(exchange, 'part');
    const reads = [first, second].map(async (response) => reasonOf((await response).text()));
    await first;
    controller.abort('first');
    expect(await reads[0]).toBe('first');
    expect(await reads[1]).toMatchObject({ name: 'TimeoutError', phase: 'idle', limit: 60 });
    expect(await exchange.over).toBe('cut');
  });
});
