/** The checks of all capabilities, with the built package. It runs inside each runtime, so it uses only what all have. */
import kyoa, {
  constant,
  createFetch,
  createHandler,
  dedupe,
  hedge,
  idempotency,
  limit,
  memory,
  retry,
  standard,
  timeout,
  TimeoutError,
  type Fetch,
  type Storage,
  type TimeoutPhase,
} from 'kyoa';
import { events } from 'kyoa/events';
import { indexeddb } from 'kyoa/indexeddb';
import { policy } from 'kyoa/policy';
import { storageContract } from 'kyoa/testing';
import { upload } from 'kyoa/upload';

import { capabilities, type Capability, type Check } from './capabilities.ts';

export interface SmokeOptions {
  /** Of the server of `server.ts`. */
  readonly origin: string;
  /** Where a stream can be sent. @default origin */
  readonly uploadOrigin?: string;
  /** The capabilities that the runtime does not offer. */
  readonly without: readonly string[];
  /** @default the global fetch */
  readonly fetch?: Fetch;
  /** `kyoa/file`, which only some runtimes can load. */
  readonly file?: () => Storage;
  /** Checks `kyoa/undici`, which only some runtimes can load. */
  readonly undici?: () => Promise<void>;
}

interface Seen {
  readonly requests: number;
  readonly peak: number;
  readonly aborted: number;
}

export async function smoke(check: Check, options: SmokeOptions): Promise<void> {
  const checks = checksOf(options);
  for (const name of capabilities) {
    if (!options.without.includes(name)) await check(name, () => withinLimit(checks[name]));
  }
}

function checksOf({
  origin,
  uploadOrigin = origin,
  fetch,
  file,
  undici,
}: SmokeOptions): Record<Capability, () => Promise<void>> {
  const transport = fetch === undefined ? {} : { fetch };
  const ask: Fetch = fetch ?? ((input, init) => globalThis.fetch(input, init));
  const url = (path: string, query: Record<string, string> = {}): string => {
    const all = Object.entries({ id: unique(), ...query });
    return `${origin}${path}?${all.map(([name, value]) => `${name}=${value}`).join('&')}`;
  };
  const seen = async (called: string): Promise<Seen> => {
    const id = /[?&]id=([^&]*)/.exec(called)![1]!;
    return (await (await ask(`${origin}/seen?id=${id}&now=${unique()}`)).json()) as Seen;
  };
  const limitExpires = async (phase: TimeoutPhase, call: () => Promise<unknown>): Promise<void> => {
    const started = performance.now();
    const error = await rejection(call());
    const elapsed = performance.now() - started;
    holds(error instanceof TimeoutError && error.phase === phase, `a TimeoutError of ${phase}, not ${String(error)}`);
    holds(elapsed < 5_000, `the limit of 150 ms expires, and not after ${elapsed} ms`);
  };

  return {
    '`createFetch` with `standard()`': async () => {
      const api = createFetch({ use: standard(), ...transport });
      const response = await api(url('/json'));
      equal([response.status, response.ok], [200, true]);
      equal(await response.clone().json(), { name: 'Ada' });
      equal(await response.json(), { name: 'Ada' });
      const post = await api(url('/echo'), { method: 'POST', body: 'grüße' });
      equal(await post.text(), 'grüße');
      const request = new Request(url('/echo'), { method: 'POST', body: 'of a Request' });
      equal(await (await api(request)).text(), 'of a Request');
      const bytes = await (await api(url('/echo'), { method: 'POST', body: 'x'.repeat(200_000) })).arrayBuffer();
      equal(bytes.byteLength, 200_000);
    },

    'the client': async () => {
      const api = kyoa.create({ baseUrl: `${origin}/`, ...transport });
      equal(await api.get('json', { searchParams: { id: unique() } }).json(), { name: 'Ada' });
      equal(await api.post('echo', { json: { a: 1 } }).json(), { a: 1 });
      const unsteady = url('/unsteady');
      equal(await api.get(unsteady).json(), { requests: 2 });
      const error = await rejection(api.get('nothing').json());
      equal((error as Error).name, 'HTTPError');
    },

    '`createHandler`': async () => {
      const handle = createHandler({ use: [timeout(5_000)] }, async (request) => {
        const { name } = (await request.json()) as { name: string };
        return new Response(`Hello ${name}`, { status: 201 });
      });
      const response = await handle(new Request(url('/'), { method: 'POST', body: '{"name":"Ada"}' }));
      equal([response.status, await response.text()], [201, 'Hello Ada']);
    },

    'policy documents': async () => {
      const retrying = { retries: 2, backoff: { constant: [10] }, budget: false as const };
      const live = policy({ use: [{ timeout: { total: 5_000 } }, { retry: retrying }] });
      const api = createFetch({ use: live, ...transport });
      equal(await (await api(url('/unsteady', { failures: '2' }))).json(), { requests: 3 });
      live.update({ use: [{ timeout: { total: 5_000 } }, { retry: 0 }], routes: { '/json': { timeout: 4_000 } } });
      equal((await api(url('/unsteady'))).status, 503);
      const text = '{ "use": ["standard"] }';
      const watched = policy({
        name: 'a source',
        watch: (sink) => void Promise.resolve().then(() => sink.document(text)),
      });
      equal(await (await createFetch({ use: watched, ...transport })(url('/json'))).json(), { name: 'Ada' });
      equal(
        watched.snapshot().sources.map(({ state }) => state),
        ['good'],
      );
      watched.close();
    },

    '`retry`': async () => {
      const api = createFetch({ use: [retry({ backoff: constant(10), budget: false })], ...transport });
      const called = url('/unsteady', { failures: '2' });
      equal(await (await api(called)).json(), { requests: 3 });
      equal((await seen(called)).requests, 3);
      equal((await api(url('/reset'))).status, 200);
      equal((await api(url('/unsteady'), { method: 'PUT', body: 'again' })).status, 200);
    },

    '`timeout`: total': async () => {
      const api = createFetch({ use: [timeout({ total: 150 })], ...transport });
      await limitExpires('total', () => api(url('/silent')));
      await limitExpires('total', async () => (await api(url('/stall'))).text());
    },

    '`timeout`: headers': async () => {
      const use = [retry({ retries: 1, backoff: constant(10) }), timeout({ headers: 1_000 })];
      const api = createFetch({ use, ...transport });
      const called = url('/slow-once', { ms: '10000' });
      equal(await (await api(called)).json(), { requests: 2 });
      await limitExpires('headers', () =>
        createFetch({ use: [timeout({ headers: 150 })], ...transport })(url('/silent')),
      );
      await until(async () => (await seen(called)).aborted === 1, 'the attempt that timed out is aborted');
    },

    '`timeout`: idle': async () => {
      const patient = createFetch({ use: [timeout({ idle: 1_000 })], ...transport });
      equal(await (await patient(url('/chunks'))).text(), 'one two three');
      const api = createFetch({ use: [timeout({ idle: 150 })], ...transport });
      await limitExpires('idle', async () => (await api(url('/stall'))).text());
    },

    'abort while the body is read': async () => {
      const api = createFetch({ use: standard(), ...transport });
      const controller = new AbortController();
      const called = url('/stall');
      const reading = (async () => (await api(called, { signal: controller.signal })).text())();
      setTimeout(() => controller.abort(), 150);
      equal(((await rejection(reading)) as Error).name, 'AbortError');
      await until(async () => (await seen(called)).aborted === 1, 'the request is aborted');
    },

    'a caller that leaves takes nothing of another along': async () => {
      const permits = createFetch({ use: [limit({ concurrency: 1 })], ...transport });
      const [sent, waiting] = [new AbortController(), new AbortController()];
      const left = [sent, waiting].map(({ signal }) => rejection(permits(url('/silent'), { signal })));
      const permitted = permits(url('/json'));
      setTimeout(() => waiting.abort(), 100);
      setTimeout(() => sent.abort(), 150);
      equal(
        ((await Promise.all(left)) as Error[]).map(({ name }) => name),
        ['AbortError', 'AbortError'],
      );
      equal(await (await permitted).json(), { name: 'Ada' });

      const flights = createFetch({ use: [dedupe()], ...transport });
      const owner = new AbortController();
      const called = url('/slow', { ms: '300' });
      const gone = rejection(flights(called, { signal: owner.signal }));
      const sharer = flights(called);
      setTimeout(() => owner.abort(), 100);
      equal(((await gone) as Error).name, 'AbortError');
      equal((await sharer).status, 200);

      const timers = createFetch({ use: [timeout({ total: 150 })], ...transport });
      const early = new AbortController();
      const leaves = rejection(timers(url('/silent'), { signal: early.signal }));
      const expires = limitExpires('total', () => timers(url('/silent')));
      early.abort();
      equal(((await leaves) as Error).name, 'AbortError');
      await expires;
    },

    '`hedge`': async () => {
      const api = createFetch({ use: [hedge({ delay: 50 })], ...transport });
      const called = url('/slow-once', { ms: '3000' });
      equal(await (await api(called)).json(), { requests: 2 });
      await until(async () => (await seen(called)).aborted === 1, 'the copy that lost is aborted');
    },

    '`dedupe`': async () => {
      const api = createFetch({ use: [dedupe()], ...transport });
      const called = url('/slow', { ms: '150' });
      const bodies = await Promise.all([1, 2, 3].map(async () => (await api(called)).json()));
      equal(bodies, [{ requests: 1 }, { requests: 1 }, { requests: 1 }]);
    },

    '`limit`': async () => {
      const api = createFetch({ use: [limit({ concurrency: 2 })], ...transport });
      const called = url('/slow', { ms: '200' });
      // Chromium sends requests of one URL one after the other.
      await Promise.all([1, 2, 3, 4, 5, 6].map(async (n) => (await api(`${called}&n=${n}`)).text()));
      const { requests, peak } = await seen(called);
      equal([requests, peak], [6, 2]);
    },

    '`idempotency` in a handler': async () => {
      let executed = 0;
      const handle = createHandler({ use: [idempotency({ required: true })], storage: memory() }, async (request) => {
        executed += 1;
        return new Response(`order ${await request.text()}`, { status: 201 });
      });
      const order = (key: string, body: string): Promise<Response> =>
        handle(new Request(`${origin}/orders`, { method: 'POST', headers: { 'idempotency-key': key }, body }));
      equal(await (await order('one', 'a')).text(), 'order a');
      const repeat = await order('one', 'a');
      equal([repeat.status, await repeat.text(), executed], [201, 'order a', 1]);
      equal((await order('one', 'b')).status, 422);
      equal(await (await order('two', 'b')).text(), 'order b');
    },

    'a stream as request body': async () => {
      const api = createFetch({ use: standard(), ...transport });
      let sent = 0;
      const body = new ReadableStream<Uint8Array>({
        async pull(controller) {
          sent += 1;
          if (sent > 3) return controller.close();
          await pause(20);
          return controller.enqueue(new TextEncoder().encode(`part ${sent} `));
        },
      });
      const init: RequestInit = { method: 'POST', body };
      const response = await api(`${uploadOrigin}/echo?id=${unique()}`, Object.assign(init, { duplex: 'half' }));
      equal(await response.text(), 'part 1 part 2 part 3 ');
    },

    'a stream as response body': async () => {
      const api = createFetch({ use: standard(), ...transport });
      const started = performance.now();
      const response = await api(url('/chunks'));
      const reader = response.body!.getReader();
      const decoder = new TextDecoder();
      let text = '';
      for (let result = await reader.read(); !result.done; result = await reader.read()) {
        if (text === '') holds(performance.now() - started < 1_000, 'the first chunk does not wait for the last');
        text += decoder.decode(result.value, { stream: true });
      }
      equal(text, 'one two three');
      const called = url('/stall');
      await (await api(called)).body!.cancel();
      await until(async () => (await seen(called)).aborted === 1, 'a body that is cancelled ends its request');
    },

    'an event stream': async () => {
      // The total limit ends with the headers of an event stream, and the idle limit holds between its events.
      const api = createFetch({ use: standard({ timeout: { total: 500, idle: 5_000 } }), ...transport });
      const response = await api(url('/events', { every: '400' }));
      equal(response.headers.get('content-type'), 'text/event-stream');
      equal(await response.text(), 'data: one\n\ndata: two\n\ndata: three\n\n');

      const received: string[] = [];
      for await (const { data } of events(api, url('/next-event'), { backoff: constant(1) })) received.push(data);
      equal(received.join(), '1,2,3');
      for await (const { data } of events(api, url('/events', { every: '100' }))) {
        equal(data, 'one');
        break;
      }
    },

    'an upload that goes on after a break': async () => {
      const api = createFetch({ use: standard(), ...transport });
      const film = '0123456789'.repeat(40_000);
      for (const protocol of ['tus', 'draft']) {
        const begin = await (await ask(url('/upload-target', { protocol }))).json();
        const { target, begun } = begin as { readonly target: string; readonly begun: number };
        const progress: number[] = [];
        const { url: uploaded } = await upload(api, target, film, {
          requestId: unique(),
          storage: memory(),
          chunk: 150_000,
          backoff: constant(10),
          onProgress: ({ transferredBytes }) => progress.push(transferredBytes),
        });
        const query = { protocol, begun: String(begun), uploaded: encodeURIComponent(uploaded) };
        const { text, breaks } = (await (await ask(url('/uploaded', query))).json()) as Record<string, unknown>;
        holds(text === film, `the file arrives whole by ${protocol}`);
        equal([breaks, progress.at(-1)], [1, film.length]);
      }
    },

    'storage: `memory`': () => contract(memory, false),
    'storage: `kyoa/file`': () => contract(file!, true),
    'storage: `kyoa/indexeddb`': async () => {
      const name = `kyoa-${unique()}`;
      await contract(() => indexeddb(name), true);
    },
    'transport: `kyoa/undici`': () => undici!(),
  };
}

async function contract(open: () => Storage, shared: boolean): Promise<void> {
  for (const { name, run } of storageContract(open, { shared })) {
    await run().catch((cause: unknown) => {
      throw new Error(`${name}: ${String(cause)}`, { cause });
    });
  }
}

let count = 0;
function unique(): string {
  count += 1;
  return `${Date.now().toString(36)}-${Math.random().toString(36).slice(2)}-${count}`;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** A check that never settles must not hide the others. */
async function withinLimit(work: () => Promise<void>): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const limit = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('the check has not ended after 20 s')), 20_000);
  });
  await Promise.race([work(), limit]).finally(() => clearTimeout(timer));
}

async function until(condition: () => Promise<boolean>, what: string): Promise<void> {
  const end = performance.now() + 5_000;
  while (!(await condition())) {
    holds(performance.now() < end, what);
    await pause(25);
  }
}

async function rejection(work: PromiseLike<unknown>): Promise<unknown> {
  let value: unknown;
  try {
    value = await work;
  } catch (error) {
    return error;
  }
  throw new Error(`expected an error, got ${String(value)}`);
}

function holds(condition: boolean, what: string): void {
  if (!condition) throw new Error(`expected: ${what}`);
}

function equal(actual: unknown, expected: unknown): void {
  const [left, right] = [JSON.stringify(actual), JSON.stringify(expected)];
  if (left !== right) throw new Error(`expected ${right}, got ${left}`);
}
