/** What must not happen to a token, a user or a call when something else goes wrong. */
import { createServer } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';

import kyoa, {
  auth,
  createFetch,
  dedupe,
  memory,
  type Auth,
  type AuthOptions,
  type KyoaFetch,
  type Renewal,
  type Storage,
  type Token,
} from 'kyoa';
import { undici } from 'kyoa/undici';
import { describe, expect, test, vi } from 'vitest';

import { reasonOf } from '../../support/promises.ts';

const url = 'http://api.example/me';

/** An API that accepts what `isGood` accepts, and notes each token that it gets. */
function api(isGood: (token: string | null) => boolean = () => true): {
  fetch: typeof fetch;
  tokens: (string | null)[];
} {
  const tokens: (string | null)[] = [];
  const fetch = async (_: unknown, init?: RequestInit): Promise<Response> => {
    const token = new Headers(init?.headers).get('authorization')?.replace('Bearer ', '') ?? null;
    tokens.push(token);
    await new Promise((resolve) => setImmediate(resolve));
    return isGood(token) ? Response.json({ token }) : new Response('', { status: 401 });
  };
  return { fetch, tokens };
}

function client(options: Partial<AuthOptions>, transport: typeof fetch) {
  const session = auth({ renew: () => Promise.reject(new Error('asked')), storage: memory(), ...options });
  const fetch = createFetch({ use: [session, dedupe()], fetch: transport });
  return { session, fetch };
}

describe('a session', () => {
  test('does not repeat a call of the former user with the token of the next one', async () => {
    let seen!: () => void;
    const sent = new Promise<void>((resolve) => (seen = resolve));
    let respond!: (response: Response) => void;
    const tokens: (string | null)[] = [];
    const { session, fetch } = client({}, (_, init) => {
      tokens.push(new Headers(init?.headers).get('authorization'));
      seen();
      return new Promise((resolve) => (respond = resolve));
    });
    await session.set({ access: 'ada' });
    const order = fetch(url, { method: 'POST', body: 'order of Ada' });
    await sent;
    await session.clear();
    await session.set({ access: 'bob' });
    respond(new Response('', { status: 401 }));
    expect((await order).status).toBe(401);
    expect(tokens).toEqual(['Bearer ada']);
  });

  test('shares no request with that of the former user', async () => {
    const responses: ((response: Response) => void)[] = [];
    const { session, fetch } = client({}, () => new Promise((resolve) => responses.push(resolve)));
    await session.set({ access: 'ada' });
    const ada = fetch(url);
    await expect.poll(() => responses.length).toBe(1);
    await session.set({ access: 'bob' });
    const bob = fetch(url);
    await expect.poll(() => responses.length).toBe(2);
    responses[0]!(new Response('of Ada'));
    responses[1]!(new Response('of Bob'));
    expect([await (await ada).text(), await (await bob).text()]).toEqual(['of Ada', 'of Bob']);
  });

  test('of a new user is not replaced by that of a process which knew the storage before it was emptied', async () => {
    vi.useFakeTimers({ toFake: ['performance', 'Date'] });
    try {
      const storage = memory();
      const { fetch: transport, tokens } = api();
      const [one, two] = [client({ storage }, transport), client({ storage }, transport)];
      for (const access of ['1', '2', '3']) await one.session.set({ access });
      await one.fetch(url);
      await storage.delete('auth [""]');
      vi.advanceTimersByTime(10);
      await two.session.set({ access: 'bob' });
      vi.advanceTimersByTime(2_000);
      await one.fetch(url);
      await two.fetch(url);
      expect(tokens).toEqual(['3', 'bob', 'bob']);
    } finally {
      vi.useRealTimers();
    }
  });

  test('names its user for set() if there is a key', async () => {
    const { session } = client({ key: () => 'ada' }, api().fetch);
    expect(await reasonOf(session.set({ access: 'bob' }))).toMatchObject({
      code: 'INVALID_OPTION',
      message: 'auth set() needs the user, as auth has the option key: set(token, user)',
    });
  });
});

describe('a renewal', () => {
  test('is finished by the platform if its caller leaves, where it belongs to one request', async () => {
    vi.stubGlobal('WebSocketPair', () => {});
    try {
      let respond: ((token: Token) => void) | undefined;
      const storage = memory();
      const { fetch } = client({ storage, renew: () => new Promise((resolve) => (respond = resolve)) }, api().fetch);
      const leaver = new AbortController();
      const work: Promise<unknown>[] = [];
      const call = reasonOf(fetch(url, { signal: leaver.signal, background: (promise) => void work.push(promise) }));
      await expect.poll(() => respond).toBeDefined();
      leaver.abort(new Error('gone'));
      expect(await call).toEqual(new Error('gone'));
      respond!({ access: 'new' });
      expect(work.length).toBe(1);
      await Promise.all(work);
      expect((await storage.get('auth [""]'))!.value).toContain('new');
    } finally {
      vi.unstubAllGlobals();
    }
  });

  test('is not begun again by a sign-out', async () => {
    let renewals = 0;
    const { session, fetch } = client(
      {
        renew: ({ signal }) => {
          renewals += 1;
          return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
        },
      },
      api((token) => token === 'new').fetch,
    );
    await session.set({ access: 'old' });
    const call = fetch(url);
    await expect.poll(() => renewals).toBe(1);
    await session.clear();
    expect((await call).status).toBe(401);
    expect(renewals).toBe(1);
  });

  type Call = (fetch: KyoaFetch, api: typeof kyoa, renewal: Renewal<Token>) => Promise<unknown>;
  test.for<[string, Call]>([
    ['that it makes at once', (fetch) => fetch(url)],
    [
      'with its signal',
      async (fetch, _, { signal }) => {
        await Promise.resolve();
        return fetch(url, { method: 'POST', body: 'refresh', signal });
      },
    ],
    ['of the client with its signal', (_, api, { signal }) => api.post(url, { json: {}, signal })],
    ['of the client with its requestId', (_, api, { requestId }) => api.post(url, { json: {}, requestId })],
  ])('through the same policy is refused at once, and does not wait for itself: a call %s', async ([, call]) => {
    const { fetch: transport, tokens } = api((token) => token === 'new');
    const session = auth({
      storage: memory(),
      async renew(renewal) {
        await call(fetch, client, renewal);
        return { access: 'new' };
      },
    });
    const options = { use: [session, dedupe()], fetch: transport };
    const [fetch, client] = [createFetch(options), kyoa.create(options)];
    await session.set({ access: 'old' });
    expect(await reasonOf(fetch(url))).toMatchObject({
      code: 'INVALID_OPTION',
      message: 'auth renew calls through the same auth: give that call auth: false',
    });
    expect(tokens).toEqual(['old']);
  });

  test('of one user may call through the same policy for another one', async () => {
    let user = 'ada';
    const { fetch: transport, tokens } = api((token) => token !== 'old');
    const session: Auth = auth({
      storage: memory(),
      key: () => user,
      async renew({ signal }) {
        user = 'service';
        await fetch(url, { signal });
        return { access: 'new' };
      },
    });
    const fetch = createFetch({ use: [session], fetch: transport });
    await session.set({ access: 'old' }, 'ada');
    await session.set({ access: 'of the service' }, 'service');
    expect((await fetch(url)).status).toBe(200);
    expect(tokens).toEqual(['old', 'of the service', 'new']);
  });

  test('frees its lease if the token is one that JSON cannot hold', async () => {
    let renewals = 0;
    const { fetch } = client(
      { lease: 100, renew: async () => ({ access: 'x', id: renewals++ === 0 ? 1n : 1 }) as Token },
      api().fetch,
    );
    expect(await reasonOf(fetch(url))).toMatchObject({
      code: 'INVALID_OPTION',
      message: 'the result of auth renew must be an object that JSON can hold',
    });
    expect((await fetch(url)).status).toBe(200);
  });

  test.for([
    ['over on arrival', () => Date.now() - 1],
    ['in seconds', () => Date.now() / 1_000 + 3_600],
    ['no number, as the server names none', () => NaN],
  ] as const)('whose expires is %s is not followed by another for each call', async ([, expires]) => {
    vi.useFakeTimers({ toFake: ['performance'] });
    try {
      let renewals = 0;
      const renew = async (): Promise<Token> => ({ access: `${(renewals += 1)}`, expires: expires() });
      const { fetch } = client({ renew }, api().fetch);
      for (let n = 0; n < 5; n += 1) {
        vi.advanceTimersByTime(2_000);
        await fetch(url);
      }
      expect(renewals).toBe(1);
    } finally {
      vi.useRealTimers();
    }
  });

  test('leaves no call with the late 401 of a request that was sent before it', async () => {
    let respond!: (token: Token) => void;
    const slow: ((response: Response) => void)[] = [];
    const { session, fetch } = client({ renew: () => new Promise((resolve) => (respond = resolve)) }, (_, init) => {
      if (new Headers(init?.headers).get('authorization') === 'Bearer new')
        return Promise.resolve(new Response('good'));
      return new Promise((resolve) => slow.push(resolve));
    });
    await session.set({ access: 'old' });
    const first = fetch(url);
    await expect.poll(() => slow.length).toBe(1);
    slow[0]!(new Response('', { status: 401 }));
    await expect.poll(() => respond).toBeDefined();
    const second = fetch(url);
    await expect.poll(() => slow.length).toBe(2);
    respond({ access: 'new' });
    expect((await first).status).toBe(200);
    slow[1]!(new Response('', { status: 401 }));
    expect((await second).status).toBe(200);
  });

  test('of other calls is followed once, also if no token is ever good', async () => {
    let sent = 0;
    const { session, fetch } = client({ key: () => 'ada', renew: async () => ({ access: 'x' }) }, async () => {
      sent += 1;
      await session.set({ access: `${sent}` }, 'ada');
      return new Response('', { status: sent < 50 ? 401 : 200 });
    });
    await session.set({ access: '0' }, 'ada');
    expect((await fetch(url)).status).toBe(401);
    expect(sent).toBe(3);
  });
});

describe('a storage', () => {
  test('with an entry of another program is reported, and not asked for ever', async () => {
    const storage = memory();
    await storage.set('auth [""]', JSON.stringify({ fingerprint: 'x', holder: 'y', result: null }), { ttl: 60_000 });
    let reads = 0;
    const watched: Storage = {
      ...storage,
      get: (key) => {
        reads += 1;
        if (reads > 100) return new Promise(() => {});
        return storage.get(key);
      },
    };
    const { fetch } = client({ storage: watched, renew: async () => ({ access: 'x' }) }, api().fetch);
    expect(await reasonOf(fetch(url, { signal: AbortSignal.timeout(500) }))).toMatchObject({ name: 'StorageError' });
  });

  test.for<[string, Partial<Storage>]>([
    ['fails', { get: () => Promise.reject(new Error('down')) }],
    ['does not respond', { get: () => new Promise(() => {}) }],
    ['was emptied and takes no entry', { get: async () => undefined, set: () => Promise.reject(new Error('full')) }],
  ])('that %s leaves the calls their token, which is known', async ([, fault]) => {
    vi.useFakeTimers({ toFake: ['performance', 'setTimeout', 'clearTimeout'] });
    try {
      const storage = { ...memory() };
      const { fetch: transport, tokens } = api();
      const { session, fetch } = client({ storage }, transport);
      await session.set({ access: 'known' });
      await fetch(url);
      Object.assign(storage, fault);
      vi.advanceTimersByTime(2_000);
      const call = fetch(url);
      await vi.advanceTimersByTimeAsync(2_000);
      expect((await call).status).toBe(200);
      expect(tokens).toEqual(['known', 'known']);
    } finally {
      vi.useRealTimers();
    }
  });
});

describe('a token', () => {
  test.for<[string, string]>([
    ['a line break', 's3cr3t\nx'],
    ['a character that no header can hold', 's3cr3t→'],
  ])('with %s is not named by the error', async ([, access]) => {
    const { session, fetch } = client({}, ((input: string, init: RequestInit) =>
      globalThis.fetch(input, init)) as never);
    await session.set({ access });
    const error = await reasonOf(fetch(url));
    expect(String(error)).toContain('auth apply');
    expect(JSON.stringify([String(error), (error as Error).stack, String((error as Error).cause)])).not.toContain(
      's3cr3t',
    );
  });

  test('is refused as Headers, which would be sent as none', async () => {
    const { session, fetch } = client({ apply: () => new Headers({ 'x-key': 'k' }) as never }, api().fetch);
    await session.set({ access: 'x' });
    expect(await reasonOf(fetch(url))).toMatchObject({ code: 'INVALID_OPTION' });
  });

  test.each([
    ['the global fetch', undefined],
    ['undici()', undici()],
  ])('in a header of its own does not reach another origin over a redirect, over %s', async (_, transport) => {
    const keys: (string | undefined)[] = [];
    const foreign = createServer((request, response) => {
      keys.push(request.headers['x-key'] as string);
      response.end();
    }).listen(0);
    await once(foreign, 'listening');
    const to = (foreign.address() as AddressInfo).port;
    const own = createServer((_, response) => {
      response.writeHead(307, { location: `http://127.0.0.1:${to}/` }).end();
    }).listen(0);
    await once(own, 'listening');
    const session = auth({
      renew: async () => ({ access: 'secret' }),
      apply: ({ access }) => ({ 'x-key': access }),
      storage: memory(),
    });
    const fetch: KyoaFetch = createFetch({ use: [session], ...(transport && { fetch: transport }) });
    const target = `http://127.0.0.1:${(own.address() as AddressInfo).port}/`;
    try {
      await fetch(target).then(
        (response) => response.text(),
        () => {},
      );
      await fetch(new Request(target)).then(
        (response) => response.text(),
        () => {},
      );
      expect(keys).toEqual([]);
    } finally {
      for (const server of [own, foreign]) {
        server.closeAllConnections();
        server.close();
      }
    }
  });
});
