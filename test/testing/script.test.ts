/** The scripted fetch, on its own and as the transport of a stack. */
import kyoa, { createFetch, fallback, hedge, retry, standard, timeout } from 'kyoa';
import { script, type Fault } from 'kyoa/testing';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

const url = 'https://api.example.com/users';

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
});

describe('script', () => {
  test('gives the replies of a list in order', async () => {
    const { fetch, done } = script([{ status: 503 }, { json: { id: 1 } }, { text: 'hello' }]);
    expect((await fetch(url)).status).toBe(503);
    const second = await fetch(url);
    expect(second.headers.get('content-type')).toBe('application/json');
    expect(await second.json()).toEqual({ id: 1 });
    expect(await (await fetch(url)).text()).toBe('hello');
    done();
  });

  test('gives genuine Responses with a url, which clones have too', async () => {
    const response = await script({ status: 201, json: 1 }).fetch(`${url}?page=2`);
    expect(response).toBeInstanceOf(Response);
    expect(response).toMatchObject({ ok: true, status: 201, url: `${url}?page=2`, redirected: false });
    expect(response.clone().url).toBe(`${url}?page=2`);
  });

  test('gives a single reply without end, and a reply with times that often', async () => {
    const alone = script({ text: 'again' });
    for (let n = 0; n < 5; n += 1) expect(await (await alone.fetch(url)).text()).toBe('again');
    alone.done();

    const { fetch, done } = script([
      { status: 503, times: 2 },
      { status: 200, times: Infinity },
    ]);
    const statuses = [];
    for (let n = 0; n < 5; n += 1) statuses.push((await fetch(url)).status);
    expect(statuses).toEqual([503, 503, 200, 200, 200]);
    done();
  });

  test('gives the reply of the first route that matches the request', async () => {
    const { fetch } = script({
      'POST /users': async (request) => ({ status: 201, json: await request.json() }),
      '/users?page=2': { text: 'second page' },
      '/users': { text: 'any page' },
      'https://other.example/*': () => new Response('a Response of its own'),
      '*': { status: 404 },
    });
    const text = async (...args: Parameters<typeof fetch>): Promise<string> => (await fetch(...args)).text();
    expect(await text(url, { method: 'POST', body: '{"name":"Ada"}' })).toBe('{"name":"Ada"}');
    expect(await text(`${url}?page=2`)).toBe('second page');
    expect(await text(`${url}?page=3`)).toBe('any page');
    expect(await text('https://other.example/deep/down')).toBe('a Response of its own');
    expect((await fetch('https://api.example.com/')).status).toBe(404);
  });

  test('keeps every request, whose body can be read any number of times', async () => {
    const { fetch, calls } = script({ delay: 100 });
    await Promise.all([
      fetch(url, { method: 'POST', body: 'one', headers: { 'x-kind': 'first' } }),
      vi.advanceTimersByTimeAsync(100),
    ]);
    await Promise.all([fetch(new Request(url), { keepalive: true }), vi.advanceTimersByTimeAsync(100)]);
    expect(calls.map(({ at, state }) => ({ at, state }))).toEqual([
      { at: 0, state: 'complete' },
      { at: 100, state: 'complete' },
    ]);
    expect(await calls[0]!.request.text()).toBe('one');
    expect(await calls[0]!.request.text()).toBe('one');
    expect(calls[0]!.request.headers.get('x-kind')).toBe('first');
    expect(calls[1]!.init).toEqual({ keepalive: true });
  });

  test('reads the request body to its end', async () => {
    const { fetch, calls } = script({ status: 204 });
    const body = new ReadableStream({
      start(controller) {
        controller.enqueue(new TextEncoder().encode('streamed '));
        setTimeout(() => {
          controller.enqueue(new TextEncoder().encode('up'));
          controller.close();
        }, 500);
      },
    });
    const answered = fetch(url, { method: 'PUT', body, duplex: 'half' } as RequestInit);
    await vi.advanceTimersByTimeAsync(499);
    expect(calls[0]!.state).toBe('waiting');
    await vi.advanceTimersByTimeAsync(1);
    expect((await answered).status).toBe(204);
    expect(await calls[0]!.request.text()).toBe('streamed up');
  });

  test('responds after the delay, chunk by chunk with a gap between them', async () => {
    const { fetch, calls } = script({ delay: 200, chunks: ['one', new TextEncoder().encode('two')], gap: 50 });
    const answered = fetch(url);
    await vi.advanceTimersByTimeAsync(199);
    expect(calls[0]!.state).toBe('waiting');
    await vi.advanceTimersByTimeAsync(1);
    const reader = (await answered).body!.getReader();
    expect(calls[0]!.state).toBe('answering');
    expect(new TextDecoder().decode((await reader.read()).value)).toBe('one');
    const second = reader.read();
    await vi.advanceTimersByTimeAsync(50);
    expect(new TextDecoder().decode((await second).value)).toBe('two');
    const end = reader.read();
    await vi.advanceTimersByTimeAsync(50);
    expect((await end).done).toBe(true);
    expect(calls[0]!.state).toBe('complete');
  });

  test.each<[Fault, string]>([
    ['refused', 'ECONNREFUSED'],
    ['reset', 'ECONNRESET'],
  ])('fails with the error of a real network: %s', async (fault, code) => {
    const { fetch, calls } = script({ fault });
    await expect(fetch(url)).rejects.toMatchObject({ name: 'TypeError', cause: { code } });
    expect(calls[0]!.state).toBe('failed');
  });

  test('cuts a body after the given part', async () => {
    const { fetch, calls } = script({ text: 'half', fault: 'cut' });
    const reader = (await fetch(url)).body!.getReader();
    expect((await reader.read()).value).toHaveLength(4);
    await expect(reader.read()).rejects.toThrow('terminated');
    expect(calls[0]!.state).toBe('failed');
  });

  test.each<Fault>(['hang', 'stall'])('ends a %s only by an abort, with its reason', async (fault) => {
    const { fetch, calls } = script({ fault, chunks: ['begun'] });
    const reason = new Error('enough');
    const caller = new AbortController();
    const read = fetch(url, { signal: caller.signal }).then((response) => response.text());
    read.catch(() => {});
    await vi.advanceTimersByTimeAsync(3_600_000);
    expect(calls[0]!.state).toBe(fault === 'hang' ? 'waiting' : 'answering');
    caller.abort(reason);
    await expect(read).rejects.toBe(reason);
    expect(calls[0]!.state).toBe('aborted');
  });

  test('obeys the signal of a Request, an abort during the delay, and the cancellation of a body', async () => {
    const { fetch, calls } = script([{ delay: 1_000 }, { chunks: ['one', 'two'], gap: 1 }]);
    const caller = new AbortController();
    const call = fetch(new Request(url, { signal: caller.signal }));
    await vi.advanceTimersByTimeAsync(500);
    caller.abort();
    await expect(call).rejects.toThrow('abort');
    expect(vi.getTimerCount()).toBe(0);

    await (await fetch(url)).body!.cancel();
    expect(calls.map(({ state }) => state)).toEqual(['aborted', 'aborted']);
    await expect(fetch(url, { signal: AbortSignal.abort('left before') })).rejects.toBe('left before');
    expect(calls).toHaveLength(2);
  });

  test('reports unused replies and requests without a reply', async () => {
    const { fetch, done } = script({ '/users': [{ status: 503, times: 2 }, { json: 1 }], '/orders': { json: 1 } });
    await fetch(url);
    expect(done).toThrow('The replies of the script do not match the calls: 2 left over for /users');

    const over = script([{ status: 200 }]);
    await over.fetch(url);
    await expect(over.fetch(url)).rejects.toThrow(`The script has no reply left for GET ${url}; its routes are *`);
    expect(over.done).toThrow(`none for GET ${url}`);
  });

  test.each([
    [{ status: 99 }, 'reply status must be a whole number of 200 or more, got 99'],
    [{ status: 600 }, 'reply status must be from 200 to 599, got 600'],
    [{ delay: -1 }, 'reply delay must be'],
    [{ gap: Number.NaN }, 'reply gap must be'],
    [{ times: 0 }, 'reply times must be'],
    [{ fault: 'explode' }, `reply fault must be 'refused' or 'reset' or`],
    [{ json: 1, text: '1' }, 'reply must be given one body, got "json and text"'],
    [{ reset: true }, 'reply has no option reset'],
    [{ 'GET users/': {} }, `script route must be '*', a path or a URL`],
  ])('refuses %o when it is created', (reply, message) => {
    const build = (): unknown => script(reply as never);
    expect(build).toThrow(expect.objectContaining({ code: 'INVALID_OPTION' }));
    expect(build).toThrow(message);
  });
});

describe('script as a transport', () => {
  test('shows how a stack recovers from a series of faults', async () => {
    const server = script([{ status: 503 }, { fault: 'reset' }, { fault: 'hang' }, { delay: 200, json: ['Ada'] }]);
    const api = kyoa.create({ fetch: server.fetch, timeout: { headers: 1_000 } });
    const users = api.get(url).json();
    await vi.advanceTimersByTimeAsync(30_000);
    expect(await users).toEqual(['Ada']);
    expect(server.calls.map(({ state }) => state)).toEqual(['complete', 'failed', 'aborted', 'complete']);
    server.done();
  });

  test('fails without a retry when no reply is left', async () => {
    const { fetch: transport, calls } = script([]);
    const fetch = createFetch({ use: [retry()], fetch: transport });
    await expect(fetch(url)).rejects.toThrow('no reply left');
    expect(calls).toHaveLength(1);
  });

  test('lets the idle limit end a body that stalls', async () => {
    const { fetch: transport } = script({ chunks: ['begun'], fault: 'stall' });
    const fetch = createFetch({ use: [timeout({ idle: 300 })], fetch: transport });
    const text = (await fetch(url)).text();
    text.catch(() => {});
    await vi.advanceTimersByTimeAsync(300);
    await expect(text).rejects.toMatchObject({ name: 'TimeoutError', phase: 'idle' });
  });

  test('shows a hedge that wins, and a fallback that replaces a failure', async () => {
    const slow = script([{ delay: 5_000, text: 'slow' }, { text: 'fast' }]);
    const pending = createFetch({ use: [hedge({ delay: 100 })], fetch: slow.fetch })(url);
    await vi.advanceTimersByTimeAsync(100);
    expect(await (await pending).text()).toBe('fast');
    expect(slow.calls.map(({ state }) => state)).toEqual(['aborted', 'complete']);

    const down = script({ fault: 'refused' });
    const substitute = createFetch({ use: [fallback(() => []), ...standard({ retry: false })], fetch: down.fetch })(
      url,
    );
    expect(await (await substitute).json()).toEqual([]);
  });
});
