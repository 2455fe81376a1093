import { idempotency, memory } from 'kyoa';
import { describe, expect, test } from 'vitest';

import { stub } from '../../support/call.ts';
import { reasonOf } from '../../support/promises.ts';
import { keysOf, numbered, order, url, uuid } from './order.ts';

describe('idempotency', () => {
  test('sends the key that is in the header already, else the requestId, else a new UUID', async () => {
    const made = stub([idempotency()], numbered());
    await made.fetch(url, { ...order, requestId: 'request', headers: { 'Idempotency-Key': 'header' } });
    await made.fetch(url, { ...order, headers: { 'Idempotency-Key': 'header' } });
    await made.fetch(url, { ...order, requestId: 'request' });
    await made.fetch(url, order);
    await made.fetch(url, { ...order, headers: { 'Idempotency-Key': '' } });
    const [first, second, third, ...fresh] = keysOf(made);
    expect([first, second, third]).toEqual(['header', 'header', 'request']);
    expect(new Set(fresh).size).toBe(2);
    for (const key of fresh) expect(key).toMatch(uuid);
  });

  test('adds no header with generate: false to a call without a requestId', async () => {
    const made = stub([idempotency({ generate: false })], numbered());
    await made.fetch(url, order);
    await made.fetch(url, { ...order, requestId: 'request' });
    expect(keysOf(made)).toEqual([null, 'request']);
  });

  test('adds a key to POST and PATCH, or to the methods that are listed', async () => {
    for (const [options, methods] of [
      [{}, ['POST', 'PATCH']],
      [{ methods: ['put', 'LOCK'] }, ['PUT', 'LOCK']],
      [{ methods: [] }, []],
    ] as const) {
      const made = stub([idempotency(options)], numbered());
      const all = ['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE', 'POST', 'PATCH', 'LOCK'];
      for (const method of all) await made.fetch(url, { method, requestId: method });
      expect(made.sent.filter(({ headers }) => headers.has('idempotency-key')).map(({ method }) => method)).toEqual(
        all.filter((method) => (methods as readonly string[]).includes(method)),
      );
    }
  });

  test.each([
    ['bare', 'order "42"'],
    ['structured', String.raw`"order \"42\""`],
  ] as const)('writes a %s key to the header', async (format, onTheWire) => {
    const made = stub([idempotency({ format })], numbered());
    await made.fetch(url, { ...order, requestId: 'order "42"' });
    expect(keysOf(made)).toEqual([onTheWire]);
  });

  test('sends a key that is in the header already unchanged, and treats both its forms as one key', async () => {
    const made = stub([idempotency({ format: 'structured' })], numbered());
    const texts: string[] = [];
    for (const key of ['order-42', '"order-42"']) {
      const headers = { 'Idempotency-Key': key };
      const response = await made.fetch(url, { ...order, headers, requestId: crypto.randomUUID() });
      texts.push(await response.text());
    }
    expect(keysOf(made)).toEqual(['order-42']);
    expect(texts).toEqual(['response 1', 'response 1']);
  });

  test('writes the key to a header of another name', async () => {
    const made = stub([idempotency({ header: 'X-Request-Key' })], numbered());
    await made.fetch(url, { ...order, requestId: 'request' });
    expect([...made.sent[0]!.headers]).toContainEqual(['x-request-key', 'request']);
    expect(keysOf(made)).toEqual([null]);
  });

  test.each(['bestellung-grün', 'two\nlines', ' led by space'])(
    'fails the call before anything is sent if no header can carry the requestId %j',
    async (requestId) => {
      const made = stub([idempotency()], numbered());
      const error = await reasonOf(made.fetch(url, { ...order, requestId }));
      expect(error).toMatchObject({ code: 'INVALID_OPTION', message: expect.stringContaining('requestId must be') });
      expect(made.sent).toEqual([]);
    },
  );

  test('leaves the rest of the request as it is, and the Request of the caller untouched', async () => {
    const made = stub([idempotency()], numbered());
    const mine = new Request(url, { ...order, headers: { 'X-Mine': 'yes' }, credentials: 'include' });
    await made.fetch(mine);
    const [sent] = made.sent;
    expect(sent).toMatchObject({ url, method: 'POST', credentials: 'include' });
    expect(sent!.headers.get('x-mine')).toBe('yes');
    expect(await sent!.text()).toBe('one ticket');
    expect(mine.headers.has('idempotency-key')).toBe(false);
  });

  test('stores nothing for a call without a requestId', async () => {
    const storage = memory({ maxEntries: 1 });
    await storage.close();
    const made = stub([idempotency({ storage })], numbered());
    const headers = { 'Idempotency-Key': 'header' };
    for (const init of [order, { ...order, headers }, { ...order, headers }]) await made.fetch(url, init);
    expect(made.sent).toHaveLength(3);
  });

  test('does nothing for a call with idempotency: false', async () => {
    const made = stub([idempotency()], numbered());
    for (let n = 0; n < 2; n += 1) await made.fetch(url, { ...order, requestId: 'request', idempotency: false });
    await made.fetch(url, { ...order, requestId: 'request', idempotency: { format: 'structured' } });
    expect(keysOf(made)).toEqual([null, null, '"request"']);
  });
});
