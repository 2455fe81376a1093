/** `idempotency` beside other policies: one key is executed once, with retries, copies and concurrent calls. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { constant, dedupe, hedge, idempotency, memory, retry } from '../../src/index.ts';
import { watched } from '../support/call.ts';
import { faultServer, type FaultServer } from '../support/faults.ts';
import { reasonOf } from '../support/promises.ts';
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

  test('outside retry lets a POST be retried: each attempt has the same key and the whole body, and the last response is stored', async () => {
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

  test.each([
    ['a generated key', {}],
    ['a requestId', { requestId: 'order-5' }],
    ['a key of the caller', { headers: { 'x-idem': 'order-5' } }],
  ])('with a header of its own lets a POST with %s be retried', async (_, call) => {
    const { fetch } = watched([idempotency({ header: 'X-Idem' }), retry({ backoff: constant(1) })]);
    const response = await fetch(script('503,reset,ok'), { ...order, ...call });
    expect(response.status).toBe(200);
    await response.text();
    const sent = server.requests.map(({ headers }) => headers['x-idem']);
    expect(sent).toHaveLength(3);
    expect(new Set(sent).size).toBe(1);
  });

  test('with a header of its own lets no other call be retried', async () => {
    const { fetch } = watched([idempotency({ header: 'X-Idem', generate: false }), retry({ backoff: constant(1) })]);
    await (await fetch(script('ok'), { ...order, requestId: 'order-6' })).text();
    expect((await fetch(script('503,ok'), order)).status).toBe(503);
    const without = { ...order, headers: { 'x-idem': 'order-7' }, idempotency: false };
    expect((await fetch(script('503,ok'), without)).status).toBe(503);
  });

  test('outside retry stores nothing when all attempts fail, and the repeat is sent with the same key', async () => {
    const { fetch } = watched([idempotency(), retry({ retries: 1, backoff: constant(1) })]);
    const target = script('503,503,ok');
    const failed = await fetch(target, { ...order, requestId: 'order-2' });
    expect([failed.status, (await failed.text()).length > 0]).toEqual([503, true]);
    const repeat = await fetch(target, { ...order, requestId: 'order-2' });
    expect([repeat.status, isReplayed(repeat)]).toEqual([200, false]);
    await repeat.text();
    expect(keys()).toEqual(['order-2', 'order-2', 'order-2']);
  });

  test('outside retry lets a concurrent repeat wait through the pauses and send nothing', async () => {
    const storage = memory();
    const tabs = [1, 2, 3].map(() => watched([idempotency({ storage }), retry({ backoff: constant(60) })]));
    const target = script('503,reset,ok');
    const responses = await Promise.all(tabs.map(({ fetch }) => fetch(target, { ...order, requestId: 'order-3' })));
    expect(new Set(await Promise.all(responses.map((response) => response.text()))).size).toBe(1);
    expect(responses.filter(isReplayed)).toHaveLength(2);
    expect(server.requests).toHaveLength(3);
  });

  test('inside retry gives each attempt the same key, even without a requestId', async () => {
    const { fetch } = watched([idempotency({ generate: true }), retry({ backoff: constant(1) })]);
    await (await fetch(script('503,ok'), order)).text();
    const [one, other] = keys();
    expect(one).toMatch(/^[\da-f-]{36}$/);
    expect(other).toBe(one);
  });

  test('outside hedge gives all copies of a POST the same key, and stores the response of the winner', async () => {
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

  test('outside hedge aborts all copies and frees the key at once when the caller aborts', async () => {
    const { fetch } = watched([idempotency(), hedge({ delay: 10, methods: ['POST'] })]);
    const target = script('hang,hang,ok');
    const leaving = new AbortController();
    const error = reasonOf(fetch(target, { ...order, requestId: 'order-5', signal: leaving.signal }));
    await server.until(({ requests }) => requests.length === 2);
    leaving.abort('gone');
    expect(await error).toBe('gone');
    const repeat = await fetch(target, { ...order, requestId: 'order-5', hedge: false });
    expect([repeat.status, isReplayed(repeat)]).toEqual([200, false]);
    await repeat.text();
    await server.until(({ aborted }) => aborted.length === 2);
  });

  test('inside dedupe takes one lease and sends one request for a burst with one requestId, and marks no response as replayed', async () => {
    const { fetch, events } = watched([dedupe(), idempotency()]);
    const target = server.url(`/work?id=${crypto.randomUUID()}&delay=30`);
    const burst = Array.from({ length: 10 }, () => fetch(target, { ...order, requestId: 'order-6' }));
    const responses = await Promise.all(burst);
    expect(new Set(await Promise.all(responses.map((response) => response.text()))).size).toBe(1);
    expect(responses.filter(isReplayed)).toHaveLength(0);
    expect(events.map(({ type }) => type)).not.toContain('idempotency.awaited');
    expect(server.requests).toHaveLength(1);
  });

  test('inside dedupe neither sends the request twice nor loses its response when the first caller aborts', async () => {
    const { fetch } = watched([dedupe(), idempotency()]);
    const target = server.url(`/work?id=${crypto.randomUUID()}&delay=60`);
    const leaving = new AbortController();
    const left = reasonOf(fetch(target, { ...order, requestId: 'order-7', signal: leaving.signal }));
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
