import { getEventListeners } from 'node:events';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import {
  constant,
  createFetch,
  createHandler,
  dedupe,
  retry,
  standard,
  timeout,
  type CallOptions,
  type Fetch,
  type Middleware,
} from '../../../src/index.ts';
import { stub, watched } from '../../support/call.ts';
import { faultServer, type FaultServer } from '../../support/faults.ts';
import { flood, origin, settled, type Exchange, type Origin } from '../../support/origin.ts';
import { expectQuiet, gcUntil, openSockets } from '../../support/sockets.ts';

const fetch = createFetch({ use: [dedupe()] });
type Init = RequestInit & CallOptions;

/** A server that answers by hand: `next` is the exchange that comes next. */
interface Desk extends AsyncDisposable {
  readonly url: string;
  readonly exchanges: Origin['exchanges'];
  next(): Promise<Exchange>;
}

async function desk(answer: (exchange: Exchange) => void = () => {}): Promise<Desk> {
  const arrived: Exchange[] = [];
  const waiting: ((exchange: Exchange) => void)[] = [];
  const server = await origin((exchange) => {
    const waiter = waiting.shift();
    if (waiter) waiter(exchange);
    else arrived.push(exchange);
    answer(exchange);
  });
  const next = async (): Promise<Exchange> =>
    arrived.shift() ?? new Promise<Exchange>((resolve) => waiting.push(resolve));
  return Object.assign(server, { next });
}

/** Calls that are all in flight: the first is the leader. */
function calls(count: number, url: string, init: (n: number) => Init = () => ({})): Promise<Response>[] {
  return Array.from({ length: count }, (_, n) => fetch(url, init(n)));
}

async function reasonOf(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    (value) => {
      throw new Error(`It resolved to ${String(value)}`);
    },
    (error: unknown) => error,
  );
}

async function chunksOf(body: ReadableStream<Uint8Array> | null): Promise<{ text: string; error?: unknown }> {
  const decoder = new TextDecoder();
  let text = '';
  try {
    for await (const chunk of body!) text += decoder.decode(chunk, { stream: true });
    return { text };
  } catch (error) {
    return { text, error };
  }
}

describe('dedupe of a burst', () => {
  let server: FaultServer;
  beforeAll(async () => {
    server = await faultServer();
  });
  afterEach(async () => {
    await expectQuiet(server);
    server.reset();
  });
  afterAll(async () => {
    await server.close();
    await gcUntil(() => openSockets(server.port).length === 0);
  });

  test('sends 1,000 identical GETs once, and everyone has the whole answer', async () => {
    const { fetch, events } = watched([dedupe()]);
    const answers = await Promise.all(
      Array.from({ length: 1_000 }, async () => (await fetch(server.url('/ok?size=65536'))).text()),
    );
    expect(server.count()).toBe(1);
    expect(new Set(answers)).toEqual(new Set(['kyoa '.repeat(13_108).slice(0, 65_536)]));
    expect(events.filter(({ type }) => type === 'dedupe.joined')).toHaveLength(999);
    expect(events.filter(({ type }) => type === 'attempt.sent')).toHaveLength(1);
  });

  test('holds the body once, however many have a Response', async () => {
    const used = (): number => process.memoryUsage().heapUsed + process.memoryUsage().external;
    const burst = (): Promise<Response>[] => calls(1_000, server.url('/ok?size=65536'));
    await Promise.all((await Promise.all(burst())).map((response) => response.text()));
    gc!();
    const before = used();
    const responses = await Promise.all(burst());
    await gcUntil(() => used() - before < 20e6); // a body each would be 65.5e6
    await Promise.all(responses.map((response) => response.arrayBuffer()));
    expect(server.count()).toBe(2);
  });

  test('retries once for all', async () => {
    const { fetch, events } = watched([dedupe(), retry({ backoff: constant(1) })]);
    const url = server.url('/sequence?statuses=503,200&id=burst');
    const responses = await Promise.all(Array.from({ length: 20 }, () => fetch(url)));
    for (const response of responses) {
      expect(response.status).toBe(200);
      await response.text();
    }
    expect(server.count()).toBe(2);
    expect(events.filter(({ type }) => type === 'retry.scheduled')).toHaveLength(1);
  });

  test('works through the standard stack', async () => {
    const fetch = createFetch({ use: standard() });
    const texts = await Promise.all(
      Array.from({ length: 50 }, async () => (await fetch(server.url('/ok?size=65536'))).text()),
    );
    expect(server.count()).toBe(1);
    expect(new Set(texts.map(({ length }) => length))).toEqual(new Set([65_536]));
  });

  test.each(['/reset/before-headers', '/fin/before-headers'])(
    '%s rejects everyone with the same error',
    async (path) => {
      const errors = await Promise.all(calls(5, server.url(path)).map(reasonOf));
      expect(new Set(errors).size).toBe(1);
      expect(errors[0]).toBeInstanceOf(TypeError);
      expect(server.count()).toBe(1);
    },
  );

  test.each(['/reset/amid-body', '/fin/amid-body', '/chunks/no-end', '/length/short'])(
    '%s fails for everyone after the same bytes',
    async (path) => {
      const responses = await Promise.all(calls(4, server.url(path)));
      const [leaders, ...others] = await Promise.all(responses.map(({ body }) => chunksOf(body)));
      expect(leaders!.text).toMatch(/^(kyoa |good)/);
      expect(leaders!.error).toBeInstanceOf(TypeError);
      for (const outcome of others) expect(outcome).toEqual(leaders);
      expect(server.count()).toBe(1);

      const texts = (await Promise.all(calls(3, server.url(path)))).map((response) => reasonOf(response.text()));
      for (const error of await Promise.all(texts)) expect(error).toBeInstanceOf(TypeError);
      expect(server.count()).toBe(2);
    },
  );

  test.each([
    ['a 204', '/status/204', 'GET', 204],
    ['a 304', '/status/304', 'GET', 304],
    ['HEAD', '/ok', 'HEAD', 200],
  ])('shares what has no body: %s', async (_what, path, method, status) => {
    const responses = await Promise.all(calls(5, server.url(path), () => ({ method })));
    expect(server.count()).toBe(1);
    expect(new Set(responses).size).toBe(5);
    for (const response of responses) {
      expect(response).toMatchObject({ status, body: null, bodyUsed: false, url: server.url(path) });
      expect(await response.clone().text()).toBe('');
      expect(await response.text()).toBe('');
      expect(response.bodyUsed).toBe(false);
    }
  });

  test('shares a body of exactly 1 MiB, and not one of a byte more: the others send requests of their own', async () => {
    for (const [size, requests] of [
      [1_048_576, 1],
      [1_048_577, 3],
    ] as const) {
      server.reset();
      const responses = await Promise.all(calls(3, server.url(`/ok?size=${size}`)));
      const bodies = await Promise.all(responses.map((response) => response.arrayBuffer()));
      expect(bodies.map(({ byteLength }) => byteLength)).toEqual([size, size, size]);
      expect(server.count()).toBe(requests);
    }
  });

  test('does not share an event stream', async () => {
    const responses = await Promise.all(calls(3, server.url('/sse?then=heartbeat')));
    expect(server.count()).toBe(3);
    for (const response of responses) {
      const reader = response.body!.getReader();
      await reader.read();
      await reader.cancel();
    }
    await server.until(({ aborted }) => aborted.length === 3);
  });
});

describe('a Response that is shared', () => {
  const readers: Record<string, (response: Response) => Promise<unknown>> = {
    text: (response) => response.text(),
    json: (response) => response.json(),
    arrayBuffer: async (response) => new Uint8Array(await response.arrayBuffer()),
    bytes: (response) => response.bytes(),
    blob: async (response) => {
      const blob = await response.blob();
      return [blob.type, await blob.text()];
    },
    formData: async (response) => [...(await response.formData())],
    'a reader of the body': async ({ body }) => {
      const reader = body!.getReader();
      let text = '';
      for (let { value, done } = await reader.read(); !done; { value, done } = await reader.read()) {
        text += new TextDecoder().decode(value);
      }
      await reader.closed;
      return text;
    },
    'for await': async ({ body }) => (await chunksOf(body)).text,
    'a buffer of its own': async ({ body }) => {
      const reader = body!.getReader({ mode: 'byob' });
      const bytes: number[] = [];
      for (;;) {
        const { value, done } = await reader.read(new Uint8Array(7));
        bytes.push(...value!);
        if (done) return bytes;
      }
    },
    'a pipe': ({ body }) =>
      new Response(body!.pipeThrough(new TextDecoderStream()).pipeThrough(new TextEncoderStream())).text(),
    'new Response': (response) => new Response(response.body, response).json(),
  };
  const json = JSON.stringify({ grüße: ['aus', 'Köln', '🎈'], filler: 'x'.repeat(5_000) });
  const form = 'a=1&b=%C3%A4';

  const answering = (body: string, headers: Record<string, string | string[]>): Promise<Desk> =>
    desk(({ answer }) => answer.writeHead(200, 'Fine', headers as Record<string, string>).end(body));

  describe.each(Object.entries(readers))('is read by %s', (name, read) => {
    const [body, type] =
      name === 'formData' ? [form, 'application/x-www-form-urlencoded'] : [json, 'application/JSON; a=B'];

    test('as the platform’s own is, by everyone at once', async () => {
      await using server = await answering(body, { 'content-type': type });
      const expected = await read(await globalThis.fetch(server.url));
      const responses = await Promise.all(calls(4, server.url));
      expect(await Promise.all(responses.map(read))).toEqual([expected, expected, expected, expected]);
      expect(server.exchanges).toHaveLength(2);
    });

    test('also of its clones', async () => {
      await using server = await answering(body, { 'content-type': type });
      const expected = await read(await globalThis.fetch(server.url));
      for (const response of await Promise.all(calls(3, server.url))) {
        const clone = response.clone();
        const again = clone.clone();
        expect(await Promise.all([read(again), read(response), read(clone)])).toEqual([expected, expected, expected]);
      }
    });

    test('and is used and locked as the platform’s own is', async () => {
      await using server = await answering(body, { 'content-type': type });
      const state = ({ bodyUsed, body }: Response): unknown[] => [bodyUsed, body!.locked];
      const life = async (response: Response): Promise<unknown[]> => {
        const unread = state(response);
        const reading = read(response);
        const during = state(response);
        await reading;
        const again = await Promise.all([reasonOf(response.text()), reasonOf(response.json())]);
        let clone: unknown;
        try {
          response.clone();
        } catch (error) {
          clone = String(error);
        }
        return [unread, during, state(response), again.map(String), clone];
      };
      const expected = await life(await globalThis.fetch(server.url));
      for (const response of await Promise.all(calls(3, server.url))) expect(await life(response)).toEqual(expected);
    });
  });

  test('says of itself what the transport’s own says, also through clones', async () => {
    await using server = await desk(({ request, answer }) => {
      if (request.url === '/') answer.writeHead(302, { location: '/final?x=1' }).end();
      else {
        answer.writeHead(201, 'Made', [
          ['content-type', 'text/plain'],
          ['x-a', 'b'],
          ['set-cookie', 'c=1'],
          ['set-cookie', 'd=2; Path=/'],
        ]);
        answer.end('hello');
      }
    });
    const facts = (response: Response): unknown => {
      const { url, redirected, type, status, statusText, ok, headers } = response;
      const list = [...headers].filter(([name]) => name !== 'date');
      return { url, redirected, type, status, statusText, ok, list, cookies: headers.getSetCookie() };
    };
    const native = await globalThis.fetch(server.url);
    expect(facts(native)).toMatchObject({ redirected: true, status: 201, cookies: ['c=1', 'd=2; Path=/'] });
    await native.text();
    for (const response of await Promise.all(calls(3, server.url))) {
      for (const one of [response, response.clone(), response.clone().clone()]) {
        expect(one).toBeInstanceOf(Response);
        expect(Object.prototype.toString.call(one)).toBe('[object Response]');
        expect(facts(one)).toEqual(facts(native));
        expect(await one.text()).toBe('hello');
      }
    }
  });

  test('may be refused as JSON like any other', async () => {
    await using server = await answering('{"cut', { 'content-type': 'application/json' });
    for (const response of await Promise.all(calls(3, server.url))) {
      await expect(response.json()).rejects.toThrow(SyntaxError);
      expect(response.bodyUsed).toBe(true);
    }
  });

  test('loses a byte order mark as text, and keeps it as bytes', async () => {
    await using server = await answering('\u{feff}hi', {});
    const [a, b, c, d] = await Promise.all(calls(4, server.url));
    expect([await a!.text(), await b!.text()]).toEqual(['hi', 'hi']);
    expect([(await c!.bytes()).length, (await d!.arrayBuffer()).byteLength]).toEqual([5, 5]);
  });

  test('may be empty', async () => {
    await using server = await answering('', {});
    const [a, b, c, d] = await Promise.all(calls(4, server.url));
    expect([await a!.text(), await b!.text(), (await c!.arrayBuffer()).byteLength]).toEqual(['', '', 0]);
    expect(await chunksOf(d!.body)).toEqual({ text: '' });
  });

  test('is nobody else’s: what one does to its bytes the others do not see', async () => {
    await using server = await answering('hello', {});
    const [leader, a, b, c, d] = await Promise.all(calls(5, server.url));
    (await leader!.body!.getReader().read()).value!.fill(0x21);
    new Uint8Array(await a!.arrayBuffer()).fill(0x21);
    (await b!.bytes()).fill(0x21);
    (await c!.body!.getReader().read()).value!.fill(0x21);
    d!.headers.set('x-mine', '1');
    expect(await d!.text()).toBe('hello');
    expect(a!.headers.has('x-mine')).toBe(false);
    expect(server.exchanges).toHaveLength(1);
  });

  test('may have a status that only a wire can have; then everyone sends a request', async () => {
    await using server = await desk(({ answer }) => answer.writeHead(999).end('odd'));
    const responses = await Promise.all(calls(3, server.url));
    for (const response of responses) {
      expect(response.status).toBe(999);
      expect(await response.text()).toBe('odd');
    }
    expect(server.exchanges).toHaveLength(3);
  });
});

describe('a single caller', () => {
  test('gets the transport’s very Response', async () => {
    await using server = await desk(({ answer }) => answer.end('mine'));
    const made: Response[] = [];
    const transport: Fetch = async (input, init) => {
      made.push(await globalThis.fetch(input, init));
      return made.at(-1)!;
    };
    const fetch = createFetch({ use: [dedupe()], fetch: transport });
    for (let call = 0; call < 2; call += 1) {
      const response = await fetch(server.url);
      expect(response).toBe(made[call]);
      expect(Object.getPrototypeOf(response)).toBe(Response.prototype);
      expect(await response.text()).toBe('mine');
    }
    expect(server.exchanges).toHaveLength(2);
  });

  test('remains one when whoever joined has left', async () => {
    await using server = await desk();
    const leaving = new AbortController();
    const [alone, joined] = calls(2, server.url, (n) => (n === 1 ? { signal: leaving.signal } : {}));
    const { answer } = await server.next();
    leaving.abort('bored');
    expect(await reasonOf(joined!)).toBe('bored');
    answer.end('yours');
    expect(Object.getPrototypeOf(await alone)).toBe(Response.prototype);
    expect(await (await alone!).text()).toBe('yours');
  });

  test('is aborted with its request, before the headers and amid the body', async () => {
    await using server = await desk();
    for (const phase of ['headers', 'body']) {
      const leaving = new AbortController();
      const answered = fetch(server.url, { signal: leaving.signal });
      const exchange = await server.next();
      if (phase === 'body') exchange.answer.write('part');
      const reading = phase === 'body' ? (await answered).text() : answered;
      leaving.abort({ phase });
      expect(await reasonOf(reading)).toEqual({ phase });
      expect(await exchange.over).toBe('cut');
    }
  });
});

describe('whoever leaves', () => {
  /** Three callers; `leavers` abort with their numbers as reasons. */
  const three = (
    url: string,
  ): { responses: Promise<Response>[]; leave: (n: number) => void; signals: AbortSignal[] } => {
    const controllers = [0, 1, 2].map(() => new AbortController());
    const signals = controllers.map(({ signal }) => signal);
    const responses = calls(3, url, (n) => ({ signal: signals[n]! }));
    for (const response of responses) response.catch(() => {});
    return { responses, signals, leave: (n) => controllers[n]!.abort(`caller ${n}`) };
  };
  const texts = (responses: readonly Promise<Response>[]): Promise<string>[] =>
    responses.map(async (response) => (await response).text());

  test.each([
    ['the first', [0]],
    ['another', [1]],
    ['all but one', [0, 2]],
    ['all but the first', [2, 1]],
  ])('before the headers (%s) harms nobody', async (_who, leavers) => {
    await using server = await desk();
    const { responses, leave, signals } = three(server.url);
    const answers = texts(responses);
    const outcomes = Promise.allSettled(answers);
    const exchange = await server.next();
    for (const n of leavers) {
      leave(n);
      expect(await reasonOf(responses[n]!)).toBe(`caller ${n}`); // at once: the server has not answered
    }
    exchange.answer.end('hello');
    expect((await outcomes).map((outcome) => (outcome.status === 'fulfilled' ? outcome.value : 'left'))).toEqual(
      [0, 1, 2].map((n) => (leavers.includes(n) ? 'left' : 'hello')),
    );
    expect(await exchange.over).toBe('complete');
    expect(server.exchanges).toHaveLength(1);
    expect(signals.flatMap((signal) => getEventListeners(signal, 'abort'))).toEqual([]);
  });

  test.each([
    ['the first', [0]],
    ['another', [1]],
    ['all but one', [0, 2]],
    ['all but the first', [2, 1]],
  ])('amid the body (%s) harms nobody', async (_who, leavers) => {
    await using server = await desk();
    const { responses, leave, signals } = three(server.url);
    const answers = texts(responses);
    const outcomes = Promise.allSettled(answers);
    const exchange = await server.next();
    exchange.answer.write('hel');
    await responses[0];
    await settled();
    for (const n of leavers) {
      leave(n);
      expect(await reasonOf(answers[n]!)).toBe(`caller ${n}`);
    }
    exchange.answer.end('lo');
    expect((await outcomes).map((outcome) => (outcome.status === 'fulfilled' ? outcome.value : 'left'))).toEqual(
      [0, 1, 2].map((n) => (leavers.includes(n) ? 'left' : 'hello')),
    );
    expect(await exchange.over).toBe('complete');
    expect(server.exchanges).toHaveLength(1);
    expect(signals.flatMap((signal) => getEventListeners(signal, 'abort'))).toEqual([]);
  });

  test('by cancelling its body harms nobody', async () => {
    await using server = await desk();
    const { responses } = three(server.url);
    const exchange = await server.next();
    exchange.answer.write('hel');
    await (await responses[0]!).body!.cancel('no more');
    exchange.answer.end('lo');
    const [second, third] = await Promise.all(responses.slice(1));
    await second!.body!.cancel();
    expect(await third!.text()).toBe('hello');
    expect(await exchange.over).toBe('complete');
  });

  test.each(['before the headers', 'amid the body'])(
    'last (%s) takes the request along, and a new call does not join it',
    async (phase) => {
      await using server = await desk();
      for (const order of [
        [0, 1, 2],
        [2, 0, 1],
        [1, 2, 0],
      ]) {
        const { responses, leave, signals } = three(server.url);
        const answers = texts(responses);
        const exchange = await server.next();
        if (phase === 'amid the body') {
          exchange.answer.write('part');
          await responses[0];
        }
        const reasons = Promise.all(answers.map(reasonOf));
        for (const n of order) {
          expect(exchange.state).toBe('open');
          leave(n);
        }
        const fresh = fetch(server.url);
        expect(await reasons).toEqual(['caller 0', 'caller 1', 'caller 2']);
        expect(await exchange.over).toBe('cut');
        const another = await server.next();
        await settled();
        const joined = fetch(server.url); // the fresh one, which is still the one to join
        another.answer.end('fresh');
        expect(await Promise.all([fresh, joined].map(async (response) => (await response).text()))).toEqual([
          'fresh',
          'fresh',
        ]);
        expect(signals.flatMap((signal) => getEventListeners(signal, 'abort'))).toEqual([]);
      }
      expect(server.exchanges).toHaveLength(6);
    },
  );

  test('last, by cancelling the body, takes the request along', async () => {
    await using server = await desk();
    const { responses, leave } = three(server.url);
    const exchange = await server.next();
    exchange.answer.write('part');
    const leader = await responses[0]!;
    leave(1);
    leave(2);
    await settled();
    expect(exchange.state).toBe('open');
    await leader.body!.cancel();
    expect(await exchange.over).toBe('cut');
  });

  test('has left when it was gone from the beginning', async () => {
    await using server = await desk();
    const staying = fetch(server.url);
    expect(await reasonOf(fetch(server.url, { signal: AbortSignal.abort('gone') }))).toBe('gone');
    (await server.next()).answer.end('hello');
    expect(await (await staying).text()).toBe('hello');
    expect(server.exchanges).toHaveLength(1);
  });

  test('by a limit of its own leaves alone', async () => {
    await using server = await desk();
    const fetch = createFetch({ use: [timeout(5_000), dedupe()] });
    const [patient, hasty] = [fetch(server.url), fetch(server.url, { timeout: 20 })];
    const exchange = await server.next();
    expect(await reasonOf(hasty)).toMatchObject({ name: 'TimeoutError', phase: 'total', limit: 20 });
    exchange.answer.end('worth it');
    expect(await (await patient).text()).toBe('worth it');
    expect(server.exchanges).toHaveLength(1);
  });

  test('first by its limit does not cut the time of the others', async () => {
    await using server = await desk();
    const fetch = createFetch({ use: [timeout(5_000), dedupe(), timeout({ headers: 5_000 })] });
    const [hasty, patient] = [fetch(server.url, { timeout: { total: 20 } }), fetch(server.url)];
    const exchange = await server.next();
    expect(await reasonOf(hasty)).toMatchObject({ name: 'TimeoutError' });
    exchange.answer.end('worth it');
    expect(await (await patient).text()).toBe('worth it');
  });
});

test('a retry waits beyond the deadline of the first caller, for those who have time', async () => {
  const fetch = createFetch({ use: [timeout(5_000), dedupe(), retry()] });
  await using server = await faultServer();
  const url = server.url('/retry-after?header=retry-after-ms&value=60');
  const [hasty, patient] = [fetch(url, { timeout: { total: 30 } }), fetch(url)];
  expect(await reasonOf(hasty)).toMatchObject({ name: 'TimeoutError', limit: 30 });
  expect((await patient).status).toBe(200);
  await (await patient).text();
  expect(server.count()).toBe(2);
});

describe('nobody waits', () => {
  test('for a reader that is slow: the first never reads, the others have theirs', async () => {
    await using server = await desk(({ answer }) => answer.end('x'.repeat(1_000_000)));
    const [leader, ...others] = calls(3, server.url);
    const unread = await leader!;
    for (const other of others) expect(await (await other).text()).toHaveLength(1_000_000);
    expect(await server.exchanges[0]!.over).toBe('complete');
    expect(await unread.text()).toHaveLength(1_000_000);
  });

  test('for a body that turns out too long: the first goes on with it, the others send requests of their own', async () => {
    const piece = Buffer.alloc(400_000, 'kyoa ');
    await using server = await desk(({ answer }) => {
      for (let n = 0; n < 4; n += 1) answer.write(piece);
      answer.end();
    });
    const bodies = await Promise.all(calls(3, server.url).map(async (response) => (await response).text()));
    for (const body of bodies) expect(body).toBe(piece.toString().repeat(4));
    expect(server.exchanges).toHaveLength(3);
    expect(server.exchanges[0]!.request.headers).toEqual(server.exchanges[1]!.request.headers);
  });

  test('and a body that is too long comes at the pace of its reader, and goes when the reader goes', async () => {
    await using server = await desk(flood);
    const [leader, other] = await Promise.all(calls(2, server.url));
    expect(server.exchanges).toHaveLength(2);
    const reader = leader!.body!.getReader();
    let length = 0;
    while (length < 4_000_000) length += (await reader.read()).value!.byteLength;
    await reader.cancel();
    await other!.body!.cancel();
    expect(await Promise.all(server.exchanges.map(({ over }) => over))).toEqual(['cut', 'cut']);
  });

  test('a call that comes after the headers sends a request of its own', async () => {
    await using server = await desk();
    const early = calls(2, server.url);
    const first = await server.next();
    first.answer.write('ear');
    await early[0];
    const late = fetch(server.url);
    (await server.next()).answer.end('late');
    expect(await (await late).text()).toBe('late');
    first.answer.end('ly');
    expect(await Promise.all(early.map(async (response) => (await response).text()))).toEqual(['early', 'early']);
  });
});

describe('the same thing', () => {
  const url = 'http://api.example/';
  /** How many requests are sent for these calls, made at once. */
  const sent = async (...inits: (Init & { url?: string })[]): Promise<number> => {
    let release = (): void => {};
    const gate = new Promise<void>((resolve) => (release = resolve));
    const { fetch, sent } = stub([dedupe()], async () => (await gate, new Response('answer')));
    const answers = inits.map(async ({ url: other = url, ...init }) => (await fetch(other, init)).text());
    await settled();
    release();
    expect(await Promise.all(answers)).toEqual(inits.map(() => 'answer'));
    return sent.length;
  };

  test.each<[string, ...(Init & { url?: string })[]]>([
    ['GET', {}, {}],
    ['HEAD', { method: 'HEAD' }, { method: 'head' }],
    ['headers of tracing', { headers: { traceparent: '1' } }, { headers: { Traceparent: '2' } }],
    ['the same identity', { headers: { authorization: 'a' } }, { headers: { Authorization: 'a' } }],
    ['a requestId', { requestId: 'a' }, { requestId: 'a' }],
    ['POST with a requestId and no body', { method: 'POST', requestId: 'a' }, { method: 'POST', requestId: 'a' }],
    [
      'POST with a requestId and the same text',
      { method: 'POST', requestId: 'a', body: '{"n":1}' },
      { method: 'POST', requestId: 'a', body: '{"n":1}' },
    ],
  ])('is: %s', async (_what, ...inits) => {
    expect(await sent(...inits)).toBe(1);
  });

  test.each<[string, ...(Init & { url?: string })[]]>([
    ['another path or query', {}, { url: `${url}x` }, { url: `${url}?x` }],
    ['another method', {}, { method: 'HEAD' }],
    ['a POST', { method: 'POST' }, { method: 'POST' }],
    ['a DELETE', { method: 'DELETE' }, { method: 'DELETE' }],
    ['another requestId', {}, { requestId: 'a' }, { requestId: 'b' }],
    ['a redirect mode', {}, { redirect: 'manual' }, { redirect: 'error' }],
    ['a credentials mode', {}, { credentials: 'omit' }, { credentials: 'include' }],
    ['a cache mode', {}, { cache: 'no-store' }, { cache: 'reload' }],
    ...['authorization', 'cookie', 'accept', 'accept-language', 'range'].map((name): [string, ...Init[]] => [
      name,
      {},
      { headers: { [name]: 'a' } },
      { headers: { [name]: 'b' } },
    ]),
    [
      'values that look like each other when they are joined',
      { headers: { authorization: 'a', cookie: 'b' } },
      { headers: { authorization: 'a","b' } },
      { headers: { authorization: 'a, b' } },
      { headers: { authorization: 'a|b' } },
      { headers: { cookie: 'a","b' } },
      { headers: { accept: 'null' } },
    ],
    [
      'POST with a requestId and another text',
      { method: 'POST', requestId: 'a', body: '1' },
      { method: 'POST', requestId: 'a', body: '2' },
      { method: 'POST', requestId: 'a' },
    ],
    [
      'POST with a requestId and bytes',
      { method: 'POST', requestId: 'a', body: new Uint8Array([1]) },
      { method: 'POST', requestId: 'a', body: new Uint8Array([1]) },
    ],
  ])('is not: %s', async (_what, ...inits) => {
    expect(await sent(...inits)).toBe(inits.length);
  });

  test('is what `key` says it is', async () => {
    const { fetch, sent } = stub(
      [dedupe({ key: ({ request }) => request.headers.get('x-key') ?? undefined })],
      async () => {
        await settled();
        return new Response('answer');
      },
    );
    const keyed = (key?: string): Promise<Response> =>
      fetch(url, { method: 'POST', ...(key && { headers: { 'x-key': key } }) });
    await Promise.all([keyed('a'), keyed('a'), keyed('b'), keyed(), keyed()]);
    expect(sent).toHaveLength(4);
  });

  test('is what a call says it is: `dedupe: { key }`, or not at all: `dedupe: false`', async () => {
    expect(await sent({ dedupe: { key: () => 'a' } }, { url: `${url}x`, dedupe: { key: () => 'a' } })).toBe(1);
    expect(await sent({}, { dedupe: false }, { dedupe: false }, { dedupe: true }, { dedupe: {} })).toBe(3);
    expect(await sent({ dedupe: { key: () => undefined } }, {})).toBe(2);
  });

  test('is not what goes through another stack, be the policy the same', async () => {
    const shared = dedupe();
    const as = (name: string): Middleware =>
      async function as(ctx, next) {
        const request = new Request(ctx.request);
        request.headers.set('authorization', name);
        return next({ request });
      };
    const transport: Fetch = async (input) => {
      await settled();
      return new Response((input as Request).headers.get('authorization'));
    };
    const base = createFetch({ use: [shared], fetch: transport });
    const [alice, bob] = ['alice', 'bob'].map((name) => base.extend({ use: [as(name)] }));
    const answers = [alice!(url), bob!(url), alice!(url), bob!(url)];
    expect(await Promise.all(answers.map(async (answer) => (await answer).text()))).toEqual([
      'alice',
      'bob',
      'alice',
      'bob',
    ]);
  });

  test.each([
    ['dedupe has no option keys; it has key', () => dedupe({ keys: 1 } as never)],
    ['dedupe key must be a function, got "a"', () => dedupe({ key: 'a' as never })],
    ['dedupe must be an object', () => dedupe(null as never)],
  ])('refuses: %s', (message, build) => {
    expect(build).toThrow(
      expect.objectContaining({ code: 'INVALID_OPTION', message: expect.stringContaining(message) }),
    );
  });

  test('refuses a bad override for the call it is for', async () => {
    const { fetch, sent } = stub([dedupe()], () => new Response());
    await expect(fetch(url, { dedupe: { key: 1 as never } })).rejects.toMatchObject({ code: 'INVALID_OPTION' });
    expect(sent).toEqual([]);
  });
});

describe('dedupe in a handler', () => {
  test('runs it once for the same request, and once for each user', async () => {
    let runs = 0;
    const handle = createHandler({ use: [dedupe()] }, async ({ headers }) => {
      runs += 1;
      await settled();
      return new Response(`for ${headers.get('authorization')}`);
    });
    const ask = async (authorization: string): Promise<string> =>
      (await handle(new Request('http://api.example/', { headers: { authorization } }))).text();
    expect(await Promise.all(['alice', 'bob', 'alice', 'bob'].map(ask))).toEqual([
      'for alice',
      'for bob',
      'for alice',
      'for bob',
    ]);
    expect(runs).toBe(2);
  });

  test('lets go of the stream of an answer that all have left', async () => {
    let cancelled: unknown;
    const handle = createHandler({ use: [dedupe()] }, async () => {
      await settled();
      const body = new ReadableStream({
        start: (controller) => controller.enqueue(new TextEncoder().encode('part')),
        cancel: (reason) => (cancelled = reason),
      });
      return new Response(body);
    });
    const leaving = [new AbortController(), new AbortController()];
    const answers = leaving.map(({ signal }) => handle(new Request('http://api.example/', { signal })));
    const reasons = Promise.all([answers[0]!.then((response) => response.text()), answers[1]!].map(reasonOf));
    await answers[0];
    leaving[0]!.abort('first');
    await settled();
    expect(cancelled).toBeUndefined();
    leaving[1]!.abort('second');
    expect(await reasons).toEqual(['first', 'second']);
    await settled();
    expect(cancelled).toBe('second');
  });
});
