/** Entries in the storage that kyoa did not write, or that are damaged. */
import { createHandler, idempotency, memory, StorageError } from 'kyoa';
import { describe, expect, test } from 'vitest';

import { stub } from '../../support/call.ts';
import { reasonOf } from '../../support/promises.ts';
import { numbered, order, url } from './order.ts';

const name = 'idempotency ["http://api.example","k"]';
const call = { ...order, requestId: 'k' };

/** The entry that a call with this key leaves. */
async function written(): Promise<Record<string, unknown>> {
  const storage = memory();
  await stub([idempotency({ storage })], numbered(201)).fetch(url, call);
  return JSON.parse((await storage.get(name))!.value) as Record<string, unknown>;
}

const good = await written();
const response = JSON.parse(good['result'] as string) as Record<string, Record<string, unknown>>;
const withResponse = (changed: unknown): unknown => ({ ...good, result: JSON.stringify(changed) });

const values: Record<string, unknown> = {
  null: null,
  'a number': 5,
  'a list': [],
  'an object': {},
  'a __proto__': JSON.parse(`{"__proto__":${JSON.stringify(good)}}`),
  'another fingerprint type': { ...good, fingerprint: 5 },
  'a result of another type': { ...good, result: 5 },
  'an object as result': { ...good, result: {} },
  'cookies of another type': { ...good, cookies: 5 },
  'no holder and no result': { fingerprint: good['fingerprint'] },
  'a lease of another type': { fingerprint: good['fingerprint'], holder: 'x', lease: 'x', leaseUntil: 5 },
  'a lease that ends at no time': { fingerprint: good['fingerprint'], holder: 'x', lease: 5, leaseUntil: {} },
  'a truncated response': { ...good, result: (good['result'] as string).slice(0, -9) },
  'a response that is null': withResponse(null),
  'a response without a head': withResponse({}),
  'a response without a status': withResponse({ head: { ...response['head'], status: undefined } }),
  'a response with an impossible status': withResponse({ ...response, head: { ...response['head'], status: 5 } }),
  'a response with an impossible header': withResponse({
    ...response,
    head: { ...response['head'], headers: [['\n', '']] },
  }),
  'a response with headers of another type': withResponse({ ...response, head: { ...response['head'], headers: 5 } }),
  'a response whose text is a number': withResponse({ ...response, text: 5 }),
  'a response whose bytes are not base64': withResponse({ head: response['head'], base64: '***' }),
};

describe('idempotency', () => {
  test.each<readonly [string, string]>([
    ['the text of another application', 'hello'],
    ['an empty text', ''],
    ['a truncated entry', JSON.stringify(good).slice(0, 100)],
    ...Object.entries(values).map(([what, value]) => [what, JSON.stringify(value)] as const),
  ])('rejects with StorageError, sends nothing and leaves the entry if it is %s', async (_, value) => {
    const storage = memory();
    const version = await storage.set(name, value);
    const { fetch, sent } = stub([idempotency({ storage })], numbered());
    const error = await reasonOf(fetch(url, call));
    expect(error).toBeInstanceOf(StorageError);
    expect(error).toMatchObject({ code: 'STORAGE', message: expect.stringMatching(/not one that kyoa wrote/) });
    expect(sent).toEqual([]);
    expect(await storage.get(name)).toEqual({ value, version });
  });

  test('rejects in a handler with StorageError, and does not run it', async () => {
    const storage = memory();
    let done = 0;
    const handle = createHandler(
      { use: [idempotency({ storage, scope: () => 'x' })] },
      () => new Response(`${(done += 1)}`),
    );
    await storage.set('idempotency ["x","k"]', 'hello');
    const request = new Request(url, { method: 'POST', headers: { 'Idempotency-Key': 'k' } });
    await expect(handle(request)).rejects.toThrow(StorageError);
    expect(done).toBe(0);
  });

  test('returns the response of a holder whose entry was replaced meanwhile, and leaves the entry', async () => {
    const storage = memory();
    const { fetch, events } = stub([idempotency({ storage, lease: 100 })], async () => {
      await storage.set(name, 'hello');
      return new Response('of the holder');
    });
    expect(await (await fetch(url, call)).text()).toBe('of the holder');
    expect(events).toContainEqual(
      expect.objectContaining({ type: 'idempotency.unrecorded', error: expect.any(StorageError) }),
    );
    expect((await storage.get(name))!.value).toBe('hello');
  });
});
