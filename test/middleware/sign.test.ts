import { createHash, createHmac, webcrypto } from 'node:crypto';

import { AwsClient } from 'aws4fetch';
import { constant, createFetch, hedge, retry, sign, type Middleware, type Signer } from 'kyoa';
import { undici } from 'kyoa/undici';
import { generateKeyPair } from 'oauth4webapi';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

import { url } from '../support/http.ts';
import { origin, type Exchange, type Origin } from '../support/origin.ts';
import { reasonOf } from '../support/promises.ts';
import { refusalOf } from '../support/sigv4.ts';

const secret = 's3cret';

/** Signs the method, the URL, the time and the body. */
const hmac: Signer = async (request, { date }) => {
  const time = date.toISOString();
  const body = Buffer.from(await request.arrayBuffer());
  return { 'x-time': time, 'x-signature': macOf(request.method, request.url, time, body) };
};

function macOf(method: string, url: string, time: string, body: Buffer): string {
  const digest = createHash('sha256').update(body).digest('hex');
  return createHmac('sha256', secret).update(`${method} ${url} ${time} ${digest}`).digest('hex');
}

/** Whether the request arrived with a signature of what arrived, and how old that was, ms. */
async function verified({ request, body }: Exchange, base: string): Promise<{ good: boolean; age: number }> {
  const time = String(request.headers['x-time']);
  const address = new URL(request.url!, base).href;
  const good = request.headers['x-signature'] === macOf(request.method!, address, time, await body);
  return { good, age: Date.now() - Date.parse(time) };
}

let server: Origin;
let statuses: number[];
let seen: { good: boolean; age: number }[];

beforeEach(async () => {
  statuses = [];
  seen = [];
  server = await origin((exchange) => {
    void verified(exchange, server.url).then((result) => {
      seen.push(result);
      exchange.response.writeHead(statuses.shift() ?? 200).end('done');
    });
  });
});
afterEach(async () => {
  await server[Symbol.asyncDispose]();
});

const form = new FormData();
form.append('name', 'Ada');
form.append('file', new Blob(['content'], { type: 'text/plain' }), 'a.txt');

const shapes: readonly [string, (url: string) => readonly [RequestInfo, RequestInit?]][] = [
  ['a GET', (url) => [url]],
  ['a GET with headers', (url) => [url, { headers: { accept: 'text/plain' } }]],
  ['text', (url) => [url, { method: 'POST', body: '{"a":1}' }]],
  ['bytes', (url) => [url, { method: 'PUT', body: new Uint8Array([1, 2, 255]) }]],
  ['a Blob', (url) => [url, { method: 'POST', body: new Blob(['blob'], { type: 'text/plain' }) }]],
  ['parameters', (url) => [url, { method: 'POST', body: new URLSearchParams({ a: '1 2' }) }]],
  ['a form', (url) => [url, { method: 'POST', body: form }]],
  ['a Request', (url) => [new Request(url, { method: 'POST', body: 'request' })]],
];

describe.each(['the global fetch', 'undici()'])('sign over %s', (name) => {
  const transport = name === 'undici()' ? { fetch: undici() } : {};

  test.each(shapes)('signs the bytes that arrive of %s, on each attempt', async (_, call) => {
    statuses = [503];
    const fetch = createFetch({
      ...transport,
      use: [retry({ methods: ['GET', 'PUT', 'POST'], backoff: constant(1) }), sign(hmac)],
    });
    const response = await fetch(...call(`${server.url}path?q=1`));
    expect(await response.text()).toBe('done');
    expect(seen.map(({ good }) => good)).toEqual([true, true]);
  });
});

describe('sign', () => {
  test('makes the signature after the pause, with the time of the attempt', async () => {
    statuses = [503, 503];
    const fetch = createFetch({ use: [retry({ backoff: constant(400), random: () => 1 }), sign(hmac)] });
    await (await fetch(server.url)).text();
    expect(seen.map(({ good, age }) => good && age < 300)).toEqual([true, true, true]);
  });

  test('signs each copy of a hedge by itself', async () => {
    const attempts: number[] = [];
    const fetch = createFetch({
      use: [
        hedge({ delay: 0 }),
        sign((_, { attempt }) => {
          attempts.push(attempt);
          return { 'x-copy': String(attempts.length) };
        }),
      ],
      fetch: async () => (attempts.length < 2 ? new Promise<Response>(() => {}) : new Response('ok')),
    });
    await fetch(url);
    expect(attempts.length).toBe(2);
  });

  test('takes the URL and the headers of a signed Request, and keeps the body of the call', async () => {
    const sent: [string, RequestInit | undefined][] = [];
    const fetch = createFetch({
      use: [sign((request) => new Request(`${request.url}?signed=1`, { headers: { authorization: 'AWS' } }))],
      fetch: async (input, init) => {
        sent.push([input as string, init]);
        return new Response('ok');
      },
    });
    await fetch(url, { method: 'POST', body: 'text' });
    expect(sent).toMatchObject([[`${url}?signed=1`, { method: 'POST', body: 'text' }]]);
    expect(new Headers(sent[0]![1]!.headers).get('authorization')).toBe('AWS');
  });

  test('does not show the body of a stream, and sends it once', async () => {
    const bodies: string[] = [];
    const fetch = createFetch({
      use: [
        sign(async (request) => {
          bodies.push(await request.text());
          return {};
        }),
      ],
    });
    const body = new Blob(['stream']).stream();
    const response = await fetch(server.url, { method: 'POST', body, duplex: 'half' } as RequestInit);
    await response.text();
    expect(bodies).toEqual(['']);
    expect(String(await server.exchanges[0]!.body)).toBe('stream');
  });

  test('signs nothing with sign: false', async () => {
    const fetch = createFetch({ use: [sign(() => ({ 'x-signature': 'yes' }))] });
    await (await fetch(server.url, { sign: false })).text();
    expect(server.exchanges[0]!.request.headers).not.toHaveProperty('x-signature');
  });

  test('rejects with the error of the signer, and names a result that is none', async () => {
    const failing = createFetch({ use: [sign(() => Promise.reject(new Error('no key')))] });
    expect(await reasonOf(failing(url))).toEqual(new Error('no key'));
    const wrong = createFetch({ use: [sign((() => 'text') as never)] });
    expect(await reasonOf(wrong(url))).toMatchObject({
      code: 'INVALID_OPTION',
      message: 'the result of sign signer must be a Request, or an object of headers',
    });
    expect(() => sign('key' as never)).toThrow('sign signer must be a function');
  });
});

describe("the server's clock", () => {
  /** The clock of the server is an hour ahead; it refuses what is older or newer than a second. */
  const ahead = 3_600_000;
  const strict = (words: string, status = 403, headers: Record<string, string> = {}) => {
    const times: string[] = [];
    const fetch = createFetch({
      use: [
        sign((_, { date }) => {
          times.push(date.toISOString());
          return { 'x-time': date.toISOString() };
        }),
      ],
      fetch: async (_, init) => {
        const time = Date.parse(new Headers(init?.headers).get('x-time')!);
        const now = Date.now() + ahead;
        const date = { date: new Date(now).toUTCString(), ...headers };
        const isGood = Math.abs(now - time) < 1_500;
        return isGood ? new Response('good', { headers: date }) : new Response(words, { status, headers: date });
      },
    });
    return { fetch, times };
  };

  test.for<[string, string, number?, Record<string, string>?]>([
    ['a name of AWS in the body', '<Error><Code>RequestTimeTooSkewed</Code></Error>'],
    ['a header of AWS', '', 400, { 'x-amzn-errortype': 'RequestExpired' }],
    ['a challenge', '', 401, { 'www-authenticate': 'Bearer error_description="iat is too far in the past"' }],
  ])('is used after a refusal with %s, also for later calls', async ([, words, status, headers]) => {
    const { fetch, times } = strict(words, status, headers);
    expect(await (await fetch(url)).text()).toBe('good');
    expect(await (await fetch(url)).text()).toBe('good');
    expect(times.length).toBe(3);
  });

  test('is not used after a refusal with another reason, whose body can still be read', async () => {
    const { fetch, times } = strict('{"error":"forbidden"}');
    const response = await fetch(url);
    expect([response.status, await response.text(), times.length]).toEqual([403, '{"error":"forbidden"}', 1]);
  });

  test('is that of each origin', async () => {
    const { fetch, times } = strict('clock skew');
    await fetch(url);
    await fetch('http://other.example/');
    expect(times.length).toBe(4);
  });

  test('does not send an uploaded stream again', async () => {
    const { fetch, times } = strict('clock skew');
    const response = await fetch(url, {
      method: 'POST',
      body: new Blob(['s']).stream(),
      duplex: 'half',
    } as RequestInit);
    expect([response.status, times.length]).toEqual([403, 1]);
  });
});

describe('sign with aws4fetch', () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ['Date', 'setTimeout', 'clearTimeout', 'performance'] }));
  afterEach(() => void vi.useRealTimers());

  const again = (): Middleware => retry({ retries: 3, backoff: constant(3_000), random: () => 1 });
  const service = { accessKeyId: 'AKID', secretAccessKey: secret, region: 'eu-central-1', service: 'execute-api' };

  /** The statuses of four attempts with pauses of three seconds, each of which takes `transit` ms to arrive. */
  async function statusesOf(use: (signed: Middleware) => Middleware[], transit: number): Promise<number[]> {
    const client = new AwsClient(service);
    const statuses: number[] = [];
    let isBusy = false;
    const signed = sign((request, { date }) => {
      isBusy = true;
      return client.sign(request, { aws: { datetime: date.toISOString().replace(/[:-]|\.\d{3}/g, '') } });
    });
    const fetch = createFetch({
      use: use(signed),
      fetch: async (input, init) => {
        isBusy = false;
        await new Promise((resolve) => setTimeout(resolve, transit));
        const { method, headers, body } = init as { method: string; headers: HeadersInit; body: string };
        const arrival = { method, url: input as string, headers: new Headers(headers), body, at: Date.now() };
        const refusal = refusalOf(arrival, secret);
        statuses.push(refusal === undefined ? (statuses.length < 3 ? 503 : 200) : 403);
        return new Response(refusal, { status: statuses.at(-1)! });
      },
    });
    let isOver = false;
    const call = fetch('https://api.example.com/key?list=1', { method: 'PUT', body: 'content' });
    void call.then(() => (isOver = true));
    while (!isOver) {
      if (!isBusy) await vi.advanceTimersByTimeAsync(10);
      await new Promise((resolve) => setImmediate(resolve)); // Web Crypto works in threads, whose time does not count
    }
    return statuses;
  }

  // The first is signed just before a second is over.
  test.for([
    [999, 1_000],
    [999, 10],
    [0, 1_000],
    [500, 10],
  ] as const)(
    'has a date within a second of the arrival, over retries with pauses of three seconds (signed %d ms into a second, %d ms on its way)',
    async ([phase, transit]) => {
      vi.setSystemTime(1_700_000_000_000 + phase);
      expect(await statusesOf((signed) => [again(), signed], transit)).toEqual([503, 503, 503, 200]);
    },
  );

  test('has the date of the first attempt where it is placed outside retry, which the verifier refuses', async () => {
    vi.setSystemTime(1_700_000_000_000);
    expect(await statusesOf((signed) => [signed, again()], 10)).toEqual([503, 403]);
  });
});

test('sign with DPoP takes the nonce of the server, and sends it with later requests', async () => {
  const keys = await generateKeyPair('ES256');
  const nonces: (string | undefined)[] = [];
  const fetch = createFetch({
    use: [
      sign(async (request, { nonce, date }) => {
        nonces.push(nonce);
        return { dpop: await proof(keys, request, date, nonce) };
      }),
    ],
    fetch: async (_, init) => {
      const [, payload] = new Headers(init?.headers).get('dpop')!.split('.');
      const { nonce } = JSON.parse(Buffer.from(payload!, 'base64url').toString()) as { nonce?: string };
      if (nonce === 'n-1') return new Response('good');
      const headers = { 'www-authenticate': 'DPoP error="use_dpop_nonce"', 'dpop-nonce': 'n-1' };
      return new Response('', { status: 401, headers });
    },
  });
  expect(await (await fetch(url)).text()).toBe('good');
  expect(await (await fetch(url)).text()).toBe('good');
  expect(nonces).toEqual([undefined, 'n-1', 'n-1']);
});

/** RFC 9449 §4.2. */
async function proof(keys: CryptoKeyPair, { method, url }: Request, date: Date, nonce?: string): Promise<string> {
  const { kty, crv, x, y } = await webcrypto.subtle.exportKey('jwk', keys.publicKey);
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const head = part({ typ: 'dpop+jwt', alg: 'ES256', jwk: { kty, crv, x, y } });
  const iat = Math.floor(date.getTime() / 1_000);
  const body = part({ htm: method, htu: url, iat, jti: crypto.randomUUID(), ...(nonce && { nonce }) });
  const signature = await webcrypto.subtle.sign(
    { name: 'ECDSA', hash: 'SHA-256' },
    keys.privateKey,
    Buffer.from(`${head}.${body}`),
  );
  return `${head}.${body}.${Buffer.from(signature).toString('base64url')}`;
}

describe('a refusal', () => {
  const hour = 3_600_000;

  test('by a server whose Date is wrong does not spoil the clock of later calls', async () => {
    let isLate = true;
    const times: number[] = [];
    const fetch = createFetch({
      use: [
        sign((_, { date }) => {
          times.push(date.getTime() - Date.now());
          return { 'x-time': date.toISOString() };
        }),
      ],
      fetch: async (_, init) => {
        const age = Math.abs(Date.now() - Date.parse(new Headers(init?.headers).get('x-time')!));
        const date = { date: new Date(Date.now() + hour).toUTCString() };
        if (!isLate && age < 1_500) return new Response('good', { headers: date });
        return new Response('Request has expired', { status: 403, headers: date });
      },
    });
    expect((await fetch(url)).status).toBe(403);
    isLate = false;
    expect((await fetch(url)).status).toBe(200);
    expect(Math.abs(times.at(-1)!)).toBeLessThan(1_500);
  });

  test('that is no challenge is not repeated because it has a new nonce', async () => {
    let sent = 0;
    const fetch = createFetch({
      use: [sign(() => ({ dpop: 'proof' }))],
      fetch: async () => {
        sent += 1;
        return new Response('{"error":"invalid_request"}', { status: 400, headers: { 'dpop-nonce': `n-${sent}` } });
      },
    });
    const response = await fetch(url, { method: 'POST', body: 'order' });
    expect([response.status, await response.text(), sent]).toEqual([400, '{"error":"invalid_request"}', 1]);
  });

  test('of a token server, whose challenge is in the body, is repeated with its nonce', async () => {
    const nonces: (string | undefined)[] = [];
    const fetch = createFetch({
      use: [
        sign((_, { nonce }) => {
          nonces.push(nonce);
          return { dpop: `proof ${nonce}` };
        }),
      ],
      fetch: async () =>
        nonces.length > 1
          ? new Response('good')
          : Response.json({ error: 'use_dpop_nonce' }, { status: 400, headers: { 'dpop-nonce': 'n-1' } }),
    });
    expect(await (await fetch(url, { method: 'POST', body: 'grant' })).text()).toBe('good');
    expect(nonces).toEqual([undefined, 'n-1']);
  });
});

describe('a signer', () => {
  test.for<[string, () => unknown]>([
    ['Headers', () => new Headers({ 'x-signature': 'yes' })],
    ['a list', () => [['x-signature', 'yes']]],
    ['a header that is no text', () => ({ 'x-signature': new Uint8Array(1) })],
  ])('that returns %s is refused, as nothing would be signed', async ([, result]) => {
    const fetch = createFetch({ use: [sign(result as never)], fetch: async () => new Response('unsigned') });
    expect(await reasonOf(fetch(url))).toMatchObject({
      code: 'INVALID_OPTION',
      message: 'the result of sign signer must be a Request, or an object of headers',
    });
  });

  test('may return the Request of another copy of fetch', async () => {
    const { Request: Foreign } = await import('undici');
    let signature: string | null = null;
    const fetch = createFetch({
      use: [sign(() => new Foreign(url, { headers: { 'x-signature': 'yes' } }) as never)],
      fetch: async (_, init) => {
        signature = new Headers(init?.headers).get('x-signature');
        return new Response('ok');
      },
    });
    await fetch(url);
    expect(signature).toBe('yes');
  });
});
