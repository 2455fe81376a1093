import {
  createFetch,
  idempotency,
  IdempotencyError,
  memory,
  type CallOptions,
  type Fetch,
  type Middleware,
} from 'kyoa';
import { beforeEach, describe, expect, test } from 'vitest';

import { bearer as bearerMiddleware } from '../../../docs/examples/bearer.ts';
import { deferred, reasonOf, type Deferred } from '../../support/promises.ts';
import { order, replayed, url } from './order.ts';

type Call = RequestInit &
  CallOptions & { readonly tenant?: string; readonly account?: string; readonly dispatcher?: () => void };

const requestId = 'order-42';
/** It makes `tenant` an option of calls. */
const tenant: Middleware = function tenant(_ctx, next) {
  return next();
};
const bearer = (token: string): Call => ({ headers: { authorization: `Bearer ${token}` } });

describe('a stored response of the client', () => {
  let sent: number;
  let answered: Deferred<void> | undefined;
  const respond: Fetch = async () => {
    sent += 1;
    await answered?.promise;
    return new Response(`response ${sent}`);
  };
  let storage = memory();
  beforeEach(() => {
    sent = 0;
    answered = undefined;
    storage = memory();
  });

  /** As another process or tab on the same storage. */
  function send(call: Call, ...use: readonly Middleware[]): Promise<Response> {
    const fetch = createFetch({ use: use.length > 0 ? use : [tenant, idempotency()], storage, fetch: respond });
    return fetch(url, { ...order, requestId, ...call });
  }

  const others: Record<string, readonly [one: Call, other: Call]> = {
    'another Authorization': [bearer('acme'), bearer('globex')],
    'no Authorization': [bearer('acme'), {}],
    'another cookie': [{ headers: { cookie: 'sid=1' } }, { headers: { cookie: 'sid=2' } }],
    'another API key': [{ headers: { 'x-api-key': '1' } }, { headers: { 'x-api-key': '2' } }],
    'another option of a middleware': [{ tenant: 'acme' }, { tenant: 'globex' }],
    'another option of the transport': [{ account: 'acme' }, { account: 'globex' }],
    'another option beside one that cannot be compared': [
      { tenant: 'acme', dispatcher: () => {} },
      { tenant: 'globex', dispatcher: () => {} },
    ],
    'another credentials mode': [{ credentials: 'include' }, { credentials: 'omit' }],
  };

  test.for(Object.keys(others))('is not returned to a call with %s', async (what) => {
    const [one, other] = others[what]!;
    expect(await (await send(one)).text()).toBe('response 1');
    const error = await reasonOf(send(other));
    expect(error).toBeInstanceOf(IdempotencyError);
    expect(error).toMatchObject({ code: 'IDEMPOTENCY_MISMATCH', key: requestId });
    expect((error as Error).message).toContain('or with other credentials');
    expect(replayed(await send(one))).toBe('true');
    expect(sent).toBe(1);
  });

  test('is returned to the same caller, with other headers and options that do not tell callers apart', async () => {
    const traced: Call = {
      headers: { authorization: 'Bearer acme', traceparent: '00-1', 'user-agent': 'x' },
      retry: 1,
    };
    expect(await (await send(bearer('acme'))).text()).toBe('response 1');
    expect(await (await send(traced)).text()).toBe('response 1');
    expect(sent).toBe(1);
  });

  test('is not returned to another caller that has waited for it', async () => {
    answered = deferred();
    const first = send(bearer('acme'));
    const other = reasonOf(send(bearer('globex')));
    answered.resolve();
    expect(await (await first).text()).toBe('response 1');
    expect(await other).toMatchObject({ code: 'IDEMPOTENCY_MISMATCH' });
    expect(sent).toBe(1);
  });

  test('is returned after a renewal of the token if a scope names the user', async () => {
    const policy = idempotency({ scope: () => 'acme' });
    expect(await (await send(bearer('old'), policy)).text()).toBe('response 1');
    expect(await (await send(bearer('new'), policy)).text()).toBe('response 1');
    expect(sent).toBe(1);
  });

  test('is not returned to another caller if the scope of both is undefined', async () => {
    const policy = idempotency({ scope: () => undefined });
    expect(await (await send(bearer('acme'), policy)).text()).toBe('response 1');
    expect(await reasonOf(send(bearer('globex'), policy))).toMatchObject({ code: 'IDEMPOTENCY_MISMATCH' });
  });

  test('is not a 401: middleware outside may renew the token and send the request again', async () => {
    const respondTo: Fetch = async (_url, init) => {
      sent += 1;
      const isNew = new Headers(init?.headers).get('authorization') === 'Bearer 2';
      return new Response(`response ${sent}`, { status: isNew ? 201 : 401 });
    };
    let token = 0;
    const use = [bearerMiddleware({ renew: async () => String((token += 1)) }), idempotency()];
    const fetch = createFetch({ use, storage, fetch: respondTo });
    for (let n = 0; n < 2; n += 1) {
      const response = await fetch(url, { ...order, requestId });
      expect([response.status, await response.text()]).toEqual([201, 'response 2']);
    }
    expect(sent).toBe(2);
  });

  test('does not exist yet when a holder has crashed: a call with a renewed token takes over', async () => {
    answered = deferred();
    const controller = new AbortController();
    const first = reasonOf(send({ ...bearer('old'), signal: controller.signal }));
    await Promise.resolve();
    controller.abort('closed the tab');
    expect(await first).toBe('closed the tab');
    answered = undefined;
    expect((await send(bearer('new'))).status).toBe(200);
  });
});
