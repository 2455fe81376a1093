/** One key, one execution: however often it is retried, copied or asked for at the same time. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { constant, dedupe, hedge, idempotency, memory, retry } from '../../src/index.ts';
import { watched } from '../support/call.ts';
import { faultServer, type FaultServer } from '../support/faults.ts';
import { expectQuiet } from '../support/sockets.ts';

const order = { method: 'POST', body: 'one ticket' };
const isReplayed = ({ headers }: Response): boolean => headers.get('idempotency-replayed') === 'true';

describe('idempotency', () => {
  let server: FaultServer;
  beforeAll(async () => {
    server = await faultServer();
  });
  afterEach(async () => {
    await expectQuiet(server);
    server.reset();
  });
  afterAll(() => server.close());

  const keys = (): unknown[] => server.requests.map(({ headers }) => headers['idempotency-key']);
  const script = (steps: string): string => server.url(`/sequence?steps=${steps}&id=${crypto.randomUUID()}`);

  test('over retry: the key makes a POST repeatable, every attempt has the same one and the whole body, and the last is kept', async () => {
    const { fetch } = watched([idempotency(), retry({ backoff: constant(1) })]);
    const target = script('reset,503,ok');
    const first = await fetch(target, { ...order, requestId: 'order-1' });
    const text = await first.text();
    expect(keys()).toEqual(['order-1', 'order-1', 'order-1']);
    expect(server.requests.map(({ body }) => body.toString())).toEqual(['one ticket', 'one ticket', 'one ticket']);
    const repeat = await fetch(target, { ...order, requestId: 'order-1' });
    expect([isReplayed(first), isReplayed(repeat), await repeat.text()]).toEqual([false, true, text]);
    expect(server.requests).toHaveLength(3);
  });

  test('over retry: when all attempts fail, nothing is kept, and the repeat runs anew with the same key', async () => {
    const { fetch } = watched([idempotency(), retry({ retries: 1, backoff: constant(1) })]);
    const target = script('503,503,ok');
    const failed = await fetch(target, { ...order, requestId: 'order-2' });
    expect([failed.status, (await failed.text()).length > 0]).toEqual([503, true]);
    const repeat = await fetch(target, { ...order, requestId: 'order-2' });
    expect([repeat.status, isReplayed(repeat)]).toEqual([200, false]);
    await repeat.text();
    expect(keys()).toEqual(['order-2', 'order-2', 'order-2']);
  });

  test('over retry: a concurrent repeat waits through the pauses, and sends nothing', async () => {
    const storage = memory();
    const tabs = [1, 2, 3].map(() => watched([idempotency({ storage }), retry({ backoff: constant(60) })]));
    const target = script('503,reset,ok');
    const answers = await Promise.all(tabs.map(({ fetch }) => fetch(target, { ...order, requestId: 'order-3' })));
    expect(new Set(await Promise.all(answers.map((answer) => answer.text()))).size).toBe(1);
    expect(answers.filter(isReplayed)).toHaveLength(2);
    expect(server.requests).toHaveLength(3);
  });

  test('under retry: without a requestId each attempt still has the same key', async () => {
    const { fetch } = watched([idempotency({ generate: true }), retry({ backoff: constant(1) })]);
    await (await fetch(script('503,ok'), order)).text();
    const [one, other] = keys();
    expect(one).toMatch(/^[\da-f-]{36}$/);
    expect(other).toBe(one);
  });

  test('over hedge: copies of a POST have one key, and the winner’s answer is the one that is kept', async () => {
    const { fetch } = watched([idempotency(), hedge({ delay: 20, methods: ['POST'] })]);
    const target = script('hang,ok');
    const first = await fetch(target, { ...order, requestId: 'order-4' });
    const text = await first.text();
    expect(keys()).toEqual(['order-4', 'order-4']);
    await server.until(({ aborted }) => aborted.length === 1);
    const repeat = await fetch(target, { ...order, requestId: 'order-4' });
    expect([isReplayed(repeat), await repeat.text()]).toEqual([true, text]);
    expect(server.requests).toHaveLength(2);
  });

  test('over hedge: a caller who leaves takes all copies along, and gives the key back at once', async () => {
    const { fetch } = watched([idempotency(), hedge({ delay: 10, methods: ['POST'] })]);
    const target = script('hang,hang,ok');
    const leaving = new AbortController();
    const error = fetch(target, { ...order, requestId: 'order-5', signal: leaving.signal }).catch(
      (thrown: unknown) => thrown,
    );
    await server.until(({ requests }) => requests.length === 2);
    leaving.abort('gone');
    expect(await error).toBe('gone');
    const repeat = await fetch(target, { ...order, requestId: 'order-5', hedge: false });
    expect([repeat.status, isReplayed(repeat)]).toEqual([200, false]);
    await repeat.text();
    await server.until(({ aborted }) => aborted.length === 2);
  });

  test('under dedupe: a burst with one requestId is one claim and one request, and none of it is a replay', async () => {
    const { fetch, events } = watched([dedupe(), idempotency()]);
    const target = server.url(`/work?id=${crypto.randomUUID()}&delay=30`);
    const burst = Array.from({ length: 10 }, () => fetch(target, { ...order, requestId: 'order-6' }));
    const answers = await Promise.all(burst);
    expect(new Set(await Promise.all(answers.map((answer) => answer.text()))).size).toBe(1);
    expect(answers.filter(isReplayed)).toHaveLength(0);
    expect(events.map(({ type }) => type)).not.toContain('idempotency.awaited');
    expect(server.requests).toHaveLength(1);
  });

  test('under dedupe: the first one’s leaving neither runs the request twice nor loses its result', async () => {
    const { fetch } = watched([dedupe(), idempotency()]);
    const target = server.url(`/work?id=${crypto.randomUUID()}&delay=60`);
    const leaving = new AbortController();
    const left = fetch(target, { ...order, requestId: 'order-7', signal: leaving.signal }).catch(
      (thrown: unknown) => thrown,
    );
    const stays = fetch(target, { ...order, requestId: 'order-7' });
    await server.until(({ requests }) => requests.length === 1);
    leaving.abort('gone');
    expect(await left).toBe('gone');
    const text = await (await stays).text();
    const repeat = await fetch(target, { ...order, requestId: 'order-7' });
    expect([isReplayed(repeat), await repeat.text()]).toEqual([true, text]);
    expect(server.requests).toHaveLength(1);
  });
});
