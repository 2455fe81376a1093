import kyoa, {
  auth,
  createFetch,
  createHandler,
  dedupe,
  idempotency,
  memory,
  observe,
  retry,
  standard,
  type Auth,
  type AuthOptions,
  type KyoaEvent,
  type KyoaFetch,
  type Storage,
  type Token,
} from 'kyoa';
import { undici } from 'kyoa/undici';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { reasonOf } from '../../support/promises.ts';
import { openSockets } from '../../support/sockets.ts';
import { tokenServer, type Grant, type TokenServer } from '../../support/token-server.ts';

let server: TokenServer;
beforeEach(async () => {
  server = await tokenServer();
});
afterEach(async () => {
  await server[Symbol.asyncDispose]();
});

const tokenOf = (grant: Grant): Token => ({
  access: grant.access_token,
  refresh: grant.refresh_token,
  expires: Date.now() + 1_000 * grant.expires_in,
});

/** How an app renews a token. */
const renewAt =
  (url: string): AuthOptions['renew'] =>
  async ({ token, signal }) => {
    const body = new URLSearchParams({ grant_type: 'refresh_token', refresh_token: token?.refresh ?? 'none' });
    return tokenOf(await kyoa.post<Grant>(`${url}/token`, { body, signal }).json());
  };

interface App {
  readonly session: Auth;
  readonly fetch: KyoaFetch;
  readonly events: KyoaEvent[];
  readonly get: (path?: string) => Promise<number>;
}

function app(options: Partial<AuthOptions> = {}, storage: Storage = memory(), transport?: typeof fetch): App {
  const events: KyoaEvent[] = [];
  const session = auth({ renew: renewAt(server.url), storage, ...options });
  const use = [observe((event) => events.push(event)), session, dedupe(), idempotency(), retry()];
  const own = createFetch({ use, ...(transport && { fetch: transport }) });
  const get = async (path = '/me'): Promise<number> => {
    const response = await own(server.url + path);
    await response.text();
    return response.status;
  };
  return { session, fetch: own, events, get };
}

const types = (events: readonly KyoaEvent[]): string[] =>
  events.map(({ type }) => type).filter((type) => type.startsWith('auth.'));

describe.each(['the global fetch', 'undici()'])('auth over %s', (name) => {
  const transport = name === 'undici()' ? undici() : undefined;

  test('sends the token that was set, without asking for another', async () => {
    const { session, get } = app({}, memory(), transport);
    const grant = server.login('ada');
    await session.set(tokenOf(grant));
    expect(await get()).toBe(200);
    expect(server.seen).toMatchObject({ renewals: 0, calls: [{ token: grant.access_token, status: 200 }] });
  });

  test('renews once for a hundred calls that meet a 401 together, and sends each again with its body and its key', async () => {
    const { session, fetch, events } = app({}, memory(), transport);
    await session.set(tokenOf(server.login('ada')));
    server.expire('ada');
    const responses = await Promise.all(
      Array.from({ length: 100 }, async (_, n) => {
        const response = await fetch(`${server.url}/orders/${n}`, { method: 'POST', body: `order ${n}` });
        await response.text();
        return response.status;
      }),
    );
    expect(new Set(responses)).toEqual(new Set([200]));
    expect(server.seen).toMatchObject({ renewals: 1, reuses: 0 });
    const refused = server.seen.calls.filter(({ status }) => status === 401);
    const good = server.seen.calls.filter(({ status }) => status === 200);
    expect([refused.length, good.length]).toEqual([100, 100]);
    const pairs = (calls: typeof good): string[] => calls.map(({ body, key }) => `${body} ${key}`).toSorted();
    expect(pairs(good)).toEqual(pairs(refused));
    expect(new Set(good.map(({ key }) => key)).size).toBe(100);
    expect(types(events).filter((type) => type === 'auth.renewed')).toEqual(['auth.renewed']);
  });
});

describe('auth', () => {
  test('renews nothing for a late 401 of the former token', async () => {
    const { session, fetch, get } = app();
    await session.set(tokenOf(server.login('ada')));
    server.expire('ada');
    const slowly = fetch(`${server.url}/slow?delay=100`);
    await expect.poll(() => server.seen.calls.length).toBe(1);
    expect(await get()).toBe(200);
    const response = await slowly;
    await response.text();
    expect(response.status).toBe(200);
    expect(server.seen.renewals).toBe(1);
  });

  test('hands a second 401 to the caller, without a loop', async () => {
    const { session, get } = app({ renew: async () => ({ access: 'never good' }) });
    await session.set({ access: 'old' });
    expect(await get()).toBe(401);
    expect(server.seen.calls.map(({ token }) => token)).toEqual(['old', 'never good']);
  });

  test('returns a 401 as it is with again: 0, for one call, too', async () => {
    const { session, fetch } = app();
    await session.set({ access: 'old' });
    const response = await fetch(`${server.url}/me`, { auth: { again: 0 } });
    expect([response.status, (await response.text()).length > 0]).toEqual([401, true]);
    expect(server.seen.renewals + server.seen.refusals + server.seen.reuses).toBe(0);
  });

  test('asks for the first token when there is none', async () => {
    const { get } = app({
      renew: async ({ token }) => {
        expect(token).toBeUndefined();
        return tokenOf(server.login('ada'));
      },
    });
    expect(await Promise.all([get('/1'), get('/2'), get('/3')])).toEqual([200, 200, 200]);
    expect(new Set(server.seen.calls.map(({ token }) => token)).size).toBe(1);
  });

  test('waits for the renewal of a token that has expired, and sends no call with it', async () => {
    const { session, get } = app();
    await session.set({ ...tokenOf(server.login('ada')), expires: Date.now() - 1 });
    expect(await get()).toBe(200);
    expect(server.seen.calls.map(({ status }) => status)).toEqual([200]);
    expect(server.seen.renewals).toBe(1);
  });

  test('renews early in the background, while the present token is used', async () => {
    const storage = memory();
    const { fetch } = app({ early: 1_000_000_000 }, storage);
    const grant = server.login('ada');
    await storage.set('auth [""]', record({ ...tokenOf(grant), expires: Date.now() + 60_000 }, Date.now() - 600_000));
    const work: Promise<unknown>[] = [];
    const response = await fetch(`${server.url}/me`, { background: (promise) => void work.push(promise) });
    await response.text();
    expect(server.seen.calls[0]?.token).toBe(grant.access_token);
    await Promise.all(work);
    expect(server.seen.renewals).toBe(1);
  });

  test('signs no user out when the token server cannot be reached, and tries again with the next call', async () => {
    const { session, get, events } = app({ renew: (given) => renewAt(server.url)(given) });
    await session.set(tokenOf(server.login('ada')));
    server.expire('ada');
    server.fault = 503;
    const error = await reasonOf(get());
    expect(error).toMatchObject({ response: { status: 503 } });
    expect(types(events)).toEqual([]);
    server.fault = 'none';
    expect(await get()).toBe(200);
  });

  test.for([[400], [401], [403]])(
    'signs the user out when the token server refuses with %d, once, for all that share the storage',
    async ([status]) => {
      const storage = memory();
      const [one, two] = [app({}, storage), app({}, storage)];
      await one.session.set(tokenOf(server.login('ada')));
      server.expire('ada');
      server.fault = status!;
      expect(await one.get()).toBe(401);
      expect(types(one.events)).toEqual(['auth.refused']);
      expect(await two.get()).toBe(401);
      expect(await one.get()).toBe(401);
      expect(server.seen.refusals).toBe(1);
      expect(server.seen.calls.map(({ token }) => token === undefined)).toEqual([false, true, true]);
    },
  );

  test('signs out and in for all that share the storage', async () => {
    const storage = memory();
    const [one, two] = [app({}, storage), app({}, storage)];
    await one.session.set(tokenOf(server.login('ada')));
    expect(await one.get()).toBe(200);
    await one.session.clear();
    expect(await two.get()).toBe(401);
    expect(server.seen.renewals).toBe(0);
    await two.session.set(tokenOf(server.login('bob')));
    expect(await two.get()).toBe(200);
  });

  test('does not store the result of a renewal during which the user was signed out', async () => {
    let release!: (token: Token) => void;
    const renewed = new Promise<Token>((resolve) => (release = resolve));
    let begun!: () => void;
    const asked = new Promise<void>((resolve) => (begun = resolve));
    const storage = memory();
    const one = app(
      {
        renew: () => {
          begun();
          return renewed;
        },
      },
      storage,
    );
    await one.session.set({ access: 'old' });
    const call = one.get();
    await asked;
    const other = app({}, storage);
    await other.session.clear();
    release(tokenOf(server.login('ada')));
    expect(await call).toBe(401);
    expect(await app({}, storage).get()).toBe(401);
    expect((await storage.get('auth [""]'))!.value).not.toContain('access-ada');
  });

  test('lets a caller leave while it waits, and goes on for the others', async () => {
    let release!: (token: Token) => void;
    const renewed = new Promise<Token>((resolve) => (release = resolve));
    const { session, fetch, get } = app({ renew: () => renewed });
    await session.set({ access: 'old' });
    const leaver = new AbortController();
    const left = reasonOf(fetch(`${server.url}/me`, { signal: leaver.signal }));
    const stays = get('/stays');
    await expect.poll(() => server.seen.calls.length).toBe(2);
    const reason = new Error('gone');
    leaver.abort(reason);
    expect(await left).toBe(reason);
    release(tokenOf(server.login('ada')));
    expect(await stays).toBe(200);
  });

  test('gives up a renewal that takes longer than its lease, and aborts it', async () => {
    let given: AbortSignal | undefined;
    const { session, get } = app({
      lease: 50,
      renew: ({ signal }) => {
        given = signal;
        return new Promise(() => {});
      },
    });
    await session.set({ access: 'old' });
    expect(await reasonOf(get())).toMatchObject({
      code: 'RENEWAL_TIMEOUT',
      message:
        'auth renew has not ended within 50 ms, its lease; a call that it makes through the same client needs auth: false',
    });
    expect(given?.aborted).toBe(true);
  });

  test('does not send an uploaded stream again', async () => {
    const { session, fetch } = app();
    await session.set({ access: 'old' });
    const body = new Blob(['stream']).stream();
    const response = await fetch(`${server.url}/me`, { method: 'POST', body, duplex: 'half' } as RequestInit);
    await response.text();
    expect(response.status).toBe(401);
    expect(server.seen.calls.map(({ body }) => body)).toEqual(['stream']);
  });

  test.for<[string, (base: string) => readonly [RequestInfo, RequestInit?], string]>([
    ['a form', (url) => [url, { method: 'POST', body: new URLSearchParams({ a: '1' }) }], 'a=1'],
    ['bytes', (url) => [url, { method: 'PUT', body: new TextEncoder().encode('bytes') }], 'bytes'],
    ['a Request', (url) => [new Request(url, { method: 'POST', body: 'request' })], 'request'],
    ['a Request without a body', (url) => [new Request(url, { headers: { 'x-a': '1' } })], ''],
  ])('sends %s again as it was', async ([, call, body]) => {
    const { session, fetch } = app();
    await session.set(tokenOf(server.login('ada')));
    server.expire('ada');
    const response = await fetch(...call(`${server.url}/me`));
    await response.text();
    expect(server.seen.calls.map(({ status, body }) => [status, body])).toEqual([
      [401, body],
      [200, body],
    ]);
  });

  test('leaves a call alone that brings credentials of its own, is outside the scope, has no user or says auth: false', async () => {
    const { session, fetch } = app({ scope: [server.url], key: () => 'ada' });
    await session.set(tokenOf(server.login('ada')), 'ada');
    await using foreign = await tokenServer();
    const send = async (url: string, init?: Parameters<KyoaFetch>[1]): Promise<void> => {
      await (await fetch(url, init)).text();
    };
    await send(`${server.url}/me`, { headers: { Authorization: 'Bearer mine' } });
    await send(`${server.url}/me`, { auth: false });
    await send(`${server.url}/me`, { auth: { key: () => undefined } });
    expect(server.seen.calls.map(({ token }) => token)).toEqual(['mine', undefined, undefined]);
    await send(`${foreign.url}/me`);
    expect(foreign.seen.calls.map(({ token }) => token)).toEqual([undefined]);
  });

  test('keeps the tokens of two users apart', async () => {
    let user = 'ada';
    const { session, get } = app({ key: () => user });
    await session.set(tokenOf(server.login('ada')), 'ada');
    await session.set(tokenOf(server.login('bob')), 'bob');
    await get();
    user = 'bob';
    await get();
    expect(server.seen.calls.map(({ token }) => token?.split('-')[1])).toEqual(['ada', 'bob']);
    await session.clear('ada');
    expect(await get()).toBe(200);
  });

  test('asks for the first token of each user by the name', async () => {
    let user = 'ada';
    const asked: (string | undefined)[] = [];
    const { get } = app({
      key: () => user,
      renew: async (renewal) => {
        asked.push(renewal.user);
        return tokenOf(server.login(renewal.user!));
      },
    });
    expect(await get()).toBe(200);
    user = 'bob';
    expect(await get()).toBe(200);
    expect(asked).toEqual(['ada', 'bob']);
    expect(server.seen.calls.map(({ token }) => token?.split('-')[1])).toEqual(['ada', 'bob']);
  });

  test('leaves what idempotency has stored to the same user after a renewal, and to no other', async () => {
    let user = 'ada';
    const { session, fetch } = app({ key: () => user });
    await session.set(tokenOf(server.login('ada')), 'ada');
    await session.set(tokenOf(server.login('bob')), 'bob');
    const order = async (): Promise<[number, string | null]> => {
      const response = await fetch(`${server.url}/orders`, { method: 'POST', body: 'one', requestId: 'order-1' });
      await response.text();
      return [response.status, response.headers.get('idempotency-replayed')];
    };
    expect(await order()).toEqual([200, null]);
    server.expire('ada');
    expect(await (await fetch(`${server.url}/me`)).json()).toMatchObject({ data: { user: 'ada' } });
    expect(await order()).toEqual([200, 'true']);
    user = 'bob';
    expect(await reasonOf(order())).toMatchObject({ code: 'IDEMPOTENCY_MISMATCH' });
  });

  test('does nothing in a handler', async () => {
    const handler = createHandler({ use: [auth({ renew: () => Promise.reject(new Error('asked')) })] }, (request) =>
      Response.json({ authorization: request.headers.get('authorization') }),
    );
    expect(await (await handler(new Request('http://shop.example/'))).json()).toEqual({ authorization: null });
  });

  test('works in a client with the standard stack', async () => {
    const session = auth({ renew: renewAt(server.url) });
    const api = kyoa.create({ use: [session, ...standard()], storage: memory(), baseUrl: server.url });
    expect(await reasonOf(session.clear())).toMatchObject({
      code: 'INVALID_OPTION',
      message: 'auth clear() before the first call: give auth the option storage',
    });
    await expect(api.get('me')).rejects.toMatchObject({ response: { status: 401 } });
    await session.set(tokenOf(server.login('ada')));
    server.expire('ada');
    expect(await api.get('me').json()).toMatchObject({ data: { user: 'ada' } });
  });

  test.for<[string, unknown, string]>([
    ['no renew', {}, 'auth renew must be a function, got undefined'],
    ['a misspelt option', { renew: () => {}, refresh: 1 }, 'auth has no option refresh'],
    [
      'a URL as scope',
      { renew: () => {}, scope: ['https://api.example.com/v1'] },
      'auth scope must be a list of origins',
    ],
    ['a lease of 0', { renew: () => {}, lease: 0 }, 'auth lease must be a number of milliseconds above 0'],
  ])('refuses %s', ([, options, message]) => {
    expect(() => auth(options as AuthOptions)).toThrow(message);
  });

  test('names a result of renew and of apply that is none', async () => {
    const wrong = app({ renew: async () => ({ access_token: 'x' }) as never });
    expect(await reasonOf(wrong.get())).toMatchObject({
      code: 'INVALID_OPTION',
      message: 'the result of auth renew must be an object with access, a string',
    });
    const { session, get } = app({ apply: () => 'Bearer x' as never });
    await session.set({ access: 'x' });
    expect(await reasonOf(get())).toMatchObject({ code: 'INVALID_OPTION' });
  });

  test('leaves no connection', async () => {
    const { session, get } = app();
    await session.set(tokenOf(server.login('ada')));
    server.expire('ada');
    await get();
    const port = Number(new URL(server.url).port);
    await expect.poll(() => openSockets(port).filter(({ referenced }) => referenced)).toEqual([]);
  });
});

/** What the policy would have stored at that time. */
function record(token: Token, since: number): string {
  const result = JSON.stringify({ generation: 1, token, session: 's', since, renewal: 'r' });
  return JSON.stringify({ fingerprint: 'token', holder: 'test', result });
}
