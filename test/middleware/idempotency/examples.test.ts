/** The examples of docs/idempotency.md: three ways in which a server carries out an order once. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { createHandler, idempotency, memory } from 'kyoa';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { openOrders as openStates } from '../../../docs/examples/state-machine.ts';
import { openCheckout } from '../../../docs/examples/token.ts';
import { openOrders } from '../../../docs/examples/unique-key.ts';
import { root } from '../../support/lanes.ts';

const examples = join(root, 'docs/examples');
let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'kyoa-examples-'));
  path = join(folder, 'shop.db');
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

/** Four processes run `code` on the database at the same time. Resolves to what each of them returned. */
async function contend(module: string, open: string, code: string): Promise<unknown[]> {
  const script = `
    import { ${open} } from ${JSON.stringify(join(examples, module))};
    const shop = ${open}(${JSON.stringify(path)});
    console.log(JSON.stringify((() => { ${code} })()));
  `;
  const run = async (): Promise<unknown> => {
    const args = ['--input-type=module', '--eval', script];
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    let text = '';
    child.stdout.setEncoding('utf8').on('data', (piece: string) => (text += piece));
    await once(child, 'close');
    return JSON.parse(text) as unknown;
  };
  return Promise.all(Array.from({ length: 4 }, run));
}

describe('a unique key', () => {
  test('stores one of two orders with the same key, and both calls get the same order', () => {
    const shop = openOrders(path);
    const first = shop.place('order-42', 'a ticket');
    expect(shop.place('order-42', 'a ticket')).toEqual(first);
    expect(() => shop.place('order-42', 'two tickets')).toThrow('was used for another order');
    expect(shop.place('order-43', 'two tickets').id).not.toBe(first.id);
    expect(shop.count()).toBe(2);
  });

  test('stores one of the orders that four processes place at once', async () => {
    const shop = openOrders(path);
    const code = `return Array.from({ length: 50 }, (_, n) => shop.place('order-' + n, 'a ticket').id)`;
    const [ids, ...others] = await contend('unique-key.ts', 'openOrders', code);
    expect(others).toEqual([ids, ids, ids]);
    expect(shop.count()).toBe(50);
  });

  test('inside idempotency stores one order when the process crashes before it stores the response', async () => {
    const shop = openOrders(path);
    let crash = true;
    const handle = createHandler({ use: [idempotency({ required: true })], storage: memory() }, async (request) => {
      const order = shop.place(request.headers.get('idempotency-key')!, await request.text());
      if (crash) throw new Error('killed');
      return Response.json(order, { status: 201 });
    });
    const post = (): Promise<Response> =>
      handle(
        new Request('http://shop.example/', { method: 'POST', body: 'a ticket', headers: { 'Idempotency-Key': 'k' } }),
      );
    await expect(post()).rejects.toThrow('killed');
    crash = false;
    expect(await (await post()).json()).toEqual({ id: 1, item: 'a ticket' });
    expect((await post()).headers.get('idempotency-replayed')).toBe('true');
    expect(shop.count()).toBe(1);
  });
});

describe('a token from the server', () => {
  test('is valid for one order, and a token that the server did not issue for none', () => {
    const shop = openCheckout(path);
    const token = shop.begin();
    expect(shop.submit(token, 'a ticket')).toBe(true);
    expect(shop.submit(token, 'a ticket')).toBe(false);
    expect(shop.submit('made up', 'a ticket')).toBe(false);
    expect(shop.count()).toBe(1);
  });

  test('is valid again when the order fails', () => {
    const shop = openCheckout(path);
    const token = shop.begin();
    expect(() => shop.submit(token, null as unknown as string)).toThrow('NOT NULL');
    expect(shop.submit(token, 'a ticket')).toBe(true);
    expect(shop.count()).toBe(1);
  });

  test('is valid for one of four processes', async () => {
    const shop = openCheckout(path);
    const tokens = Array.from({ length: 50 }, () => shop.begin());
    const code = `return ${JSON.stringify(tokens)}.map((token) => shop.submit(token, 'a ticket'))`;
    const taken = (await contend('token.ts', 'openCheckout', code)) as boolean[][];
    for (const index of tokens.keys()) expect(taken.filter((one) => one[index])).toHaveLength(1);
    expect(shop.count()).toBe(50);
  });
});

describe('a state machine', () => {
  test('takes a step once, and throws for a step that comes too late', () => {
    const shop = openStates(path);
    const order = shop.place();
    expect([shop.take('pay', order), shop.take('pay', order)]).toEqual([true, false]);
    expect(shop.state(order)).toBe('paid');
    expect(() => shop.take('cancel', order)).toThrow(`Order ${order} is paid: too late to cancel`);
    expect([shop.take('ship', order), shop.take('ship', order)]).toEqual([true, false]);
    expect(() => shop.take('pay', order)).toThrow('is shipped: too late to pay');
  });

  test('takes a step for one of four processes', async () => {
    const shop = openStates(path);
    const orders = Array.from({ length: 50 }, () => shop.place());
    const code = `return ${JSON.stringify(orders)}.map((order) => shop.take('pay', order))`;
    const taken = (await contend('state-machine.ts', 'openOrders', code)) as boolean[][];
    for (const index of orders.keys()) expect(taken.filter((one) => one[index])).toHaveLength(1);
  });
});
