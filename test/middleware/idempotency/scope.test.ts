import { createHandler, dedupe, idempotency, memory, staleIfError, type IdempotencyOptions, type Storage } from 'kyoa';
import { beforeEach, describe, expect, test } from 'vitest';

import { replayed } from './order.ts';

let storage: Storage;
beforeEach(() => {
  storage = memory();
});

/** Each response is about the user of the request alone. */
function handler(
  options: IdempotencyOptions = {},
): (headers: Record<string, string>, url?: string) => Promise<Response> {
  let order = 0;
  const handle = createHandler({ use: [idempotency({ storage, ...options })] }, () =>
    Response.json({ order: (order += 1) }, { headers: [['set-cookie', `session=${order}`]] }),
  );
  return (headers, url = 'http://shop.example/orders') =>
    handle(new Request(url, { method: 'POST', body: 'one ticket', headers: { 'Idempotency-Key': 'k', ...headers } }));
}

const orderOf = async (response: Response): Promise<unknown> => ((await response.json()) as { order: number }).order;

describe('the scope of idempotency in a handler', () => {
  test('is the default one for a request whose own scope is undefined', async () => {
    const send = handler({ scope: () => undefined });
    expect(await orderOf(await send({ authorization: 'acme' }))).toBe(1);
    expect(await orderOf(await send({ authorization: 'globex' }))).toBe(2);
    expect(await orderOf(await send({ authorization: 'acme' }))).toBe(1);
  });

  test.each([
    'Authorization',
    'Proxy-Authorization',
    'Cookie',
    'X-Api-Key',
    'Api-Key',
    'apikey',
    'Ocp-Apim-Subscription-Key',
    'X-Goog-Api-Key',
    'X-Auth-Token',
    'X-Amz-Security-Token',
    'X-Shopify-Access-Token',
    'X-Session-Id',
    'X-User-Id',
    'X-Forwarded-User',
    'X-Forwarded-Email',
    'X-Forwarded-Preferred-Username',
    'X-Forwarded-Access-Token',
    'X-Auth-Request-User',
    'X-Remote-User',
    'Remote-User',
    'X-Amzn-Oidc-Identity',
    'X-Amzn-Oidc-Data',
    'Cf-Access-Jwt-Assertion',
    'Cf-Access-Authenticated-User-Email',
    'Cf-Access-Client-Id',
    'X-Goog-Authenticated-User-Email',
    'X-Goog-Iap-Jwt-Assertion',
    'X-Ms-Client-Principal',
    'X-Consumer-Username',
    'Tailscale-User-Login',
    'X-Forwarded-Client-Cert',
    'Client-Cert',
    'X-Ssl-Client-Dn',
    'X-Tenant-Id',
    'X-Account',
    'X-Org-Id',
    'X-Workspace-Id',
    'X-Merchant-Id',
    'X-On-Behalf-Of',
    'X-Client-Dn',
    'X-Spiffe-Id',
    'X-Msisdn',
    'X-Sub',
    'X-Forwarded-Host',
  ])('contains %s: another value, or none, is another user', async (name) => {
    const send = handler();
    const orders: unknown[] = [];
    for (const headers of [{ [name]: 'ann' }, { [name]: 'bob' }, {}, { [name]: 'ann' }, { [name]: 'bob' }, {}])
      orders.push(await orderOf(await send(headers)));
    expect(orders).toEqual([1, 2, 3, 1, 2, 3]);
  });

  test('is the default one for a caller to whom the given one gives no name', async () => {
    const send = handler({ scope: ({ request }) => request.headers.get('x-user') ?? undefined });
    const orders: unknown[] = [];
    for (const headers of [{ Cookie: 'sid=ann' }, { Cookie: 'sid=bob' }, { Cookie: 'sid=ann' }])
      orders.push(await orderOf(await send(headers)));
    expect(orders).toEqual([1, 2, 1]);
  });

  test('contains the host, also the one that a proxy forwards', async () => {
    const send = handler();
    const orders = [
      await send({}, 'http://one.example/orders'),
      await send({}, 'http://two.example/orders'),
      await send({}, 'http://one.example:8080/orders'),
      await send({ Forwarded: 'for=10.0.0.1;host=one.example' }),
      await send({ Forwarded: 'for=10.0.0.1;host="two.example"' }),
      await send({ Forwarded: 'for=10.0.0.2;host=one.example' }),
    ];
    expect(await Promise.all(orders.map(orderOf))).toEqual([1, 2, 3, 4, 5, 4]);
  });

  test('does not confuse one header with another, or one value with two', async () => {
    const send = handler();
    const all = [{ 'X-User': 'a', 'X-Token': 'b' }, { 'X-User': 'b', 'X-Token': 'a' }, { 'X-User': 'a","x-token","b' }];
    const orders = await Promise.all(all.map(async (headers) => orderOf(await send(headers))));
    expect(new Set(orders).size).toBe(3);
  });

  test.each([
    'User-Agent',
    'X-Request-Id',
    'Traceparent',
    'X-Amzn-Trace-Id',
    'X-Forwarded-For',
    'Accept-Language',
    'X-Csrf-Token',
    'Sec-Fetch-User',
    'Stripe-Signature',
    'Date',
  ])('does not contain %s, which may be different in a repeat', async (name) => {
    const send = handler();
    await send({ [name]: 'one' });
    expect(replayed(await send({ [name]: 'two' }))).toBe('true');
  });

  test('does not contain the header that carries the key', async () => {
    const written = new Set<string>();
    const recording: Storage = {
      ...storage,
      set: (key, value, options) => storage.set((written.add(key), key), value, options),
    };
    const send = handler({ storage: recording, header: 'X-Api-Key' });
    for (const key of ['a', 'b']) await send({ 'X-Api-Key': key });
    const scopes = [...written].map((key) => (JSON.parse(key.slice('idempotency '.length)) as string[])[0]);
    expect(scopes).toHaveLength(2);
    expect(new Set(scopes).size).toBe(1);
  });

  test('shows nothing of a credential in what is stored', async () => {
    const written: string[] = [];
    const recording: Storage = {
      ...storage,
      set(key, value, options) {
        written.push(key, value);
        return storage.set(key, value, options);
      },
    };
    await handler({ storage: recording })({ Cookie: 'sid=secret', 'X-Api-Key': 'secret', Authorization: 'secret' });
    expect(written).toHaveLength(4);
    expect(written.join()).not.toContain('secret');
  });
});

describe('a replay of idempotency in a handler', () => {
  const cookiesFor = async (first: Record<string, string>, second: Record<string, string>): Promise<string[]> => {
    const send = handler({ scope: () => 'everyone' });
    expect((await send(first)).headers.getSetCookie()).toEqual(['session=1']);
    const again = await send(second);
    expect(replayed(again)).toBe('true');
    expect(await orderOf(again)).toBe(1);
    return again.headers.getSetCookie();
  };

  test.each([
    ['the same cookies', { Cookie: 'sid=ann' }],
    ['no cookies, as the first one', {}],
  ])('has the Set-Cookie of the stored response for a request with %s', async (_, cookies) => {
    expect(await cookiesFor(cookies, cookies)).toEqual(['session=1']);
  });

  test.each([
    ['other cookies', { Cookie: 'sid=ann' }, { Cookie: 'sid=bob' }],
    ['no cookies', { Cookie: 'sid=ann' }, {}],
    ['its first cookies', {}, { Cookie: 'sid=bob' }],
  ])('has no Set-Cookie for a request with %s, in any scope', async (_, first, second) => {
    expect(await cookiesFor(first, second)).toEqual([]);
  });
});

describe('two users of a handler who differ in their cookie', () => {
  test('do not share a request of dedupe, nor a stored response of staleIfError', async () => {
    let down = false;
    const handle = createHandler({ storage, use: [staleIfError(), dedupe()] }, async (request) => {
      if (down) throw new TypeError('fetch failed');
      return new Response(request.headers.get('cookie'));
    });
    const get = async (cookie: string): Promise<string> =>
      (await handle(new Request('http://shop.example/', { headers: { cookie } }))).text();
    expect(await Promise.all([get('ann'), get('bob')])).toEqual(['ann', 'bob']);
    down = true;
    await expect(get('carl')).rejects.toThrow('fetch failed');
  });
});
