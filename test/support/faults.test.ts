import { once } from 'node:events';
import http from 'node:http';
import net from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { earlyRoutes, routes } from './faults/routes.ts';
import { faults, faultServer, outcome, type FaultServer } from './faults.ts';

let server: FaultServer;
beforeEach(async () => {
  server = await faultServer();
});
afterEach(() => server.close());

const get = async (path: string, init?: RequestInit): Promise<string> => {
  const response = await fetch(server.url(path), init);
  return response.text();
};

const status = async (path: string): Promise<number> => {
  const response = await fetch(server.url(path));
  await response.arrayBuffer();
  return response.status;
};

describe('the table of faults', () => {
  test.for(faults)('has the outcome of $name for the fetch of Node: $node', async (fault) => {
    const { kind, error, ...response } = await outcome(fault, server);

    expect(kind).toBe(fault.node);
    expect(response.status ?? 200).toBe(fault.status ?? 200);
    expect((error as Error | undefined)?.cause ?? {}).toMatchObject(fault.cause ? { code: fault.cause } : {});
    expect(fault.before === undefined || server.requests.some(({ nth }) => nth === 2)).toBe(true);
  });

  test('has every route of the server', () => {
    const paths = faults.flatMap(({ path, before = '' }) => [path, before]).map((path) => path.replace(/\?.*/, ''));
    const known = new Set([...paths, ...paths.map((path) => path.replace(/[^/]*$/, '*'))]);
    expect(Object.keys({ ...routes, ...earlyRoutes }).filter((route) => !known.has(route))).toEqual([]);
  });
});

describe('a request', () => {
  test('is recorded with its method, path, headers and body', async () => {
    await get('/ok?x=1', { method: 'PUT', headers: { 'X-Name': 'value' }, body: 'grüße' });

    expect(server.last).toMatchObject({
      method: 'PUT',
      url: '/ok?x=1',
      path: '/ok',
      state: 'complete',
      headSent: true,
    });
    expect(server.last?.headers['x-name']).toBe('value');
    expect(server.last?.body.toString()).toBe('grüße');
  });

  test('can have a chunked body', async () => {
    const body = new Blob(['a'.repeat(100_000), 'b']).stream();
    const init = { method: 'POST', body, duplex: 'half' }; // the types of the DOM do not have duplex
    const echo = await get('/ok', init);

    expect(server.last?.headers['transfer-encoding']).toBe('chunked');
    expect(server.last?.body.length).toBe(100_001);
    expect(JSON.parse(echo)).toMatchObject({ method: 'POST', body: `${'a'.repeat(100_000)}b` });
  });

  test('can arrive in pieces, and together with others', async () => {
    const socket = net.connect(server.port, '127.0.0.1');
    socket.write('GET /ok?n=1 HTTP/1.1\r\nhost: a\r');
    await server.until(({ open }) => open === 1);
    socket.write('\n\r\nPOST /ok?n=2 HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n0\r\nt: 1\r\n\r\n');
    socket.write('GET /ok?n=3 HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n');
    socket.resume();
    await once(socket, 'close');

    expect(server.requests.map(({ url, connection, nth }) => [url, connection, nth])).toEqual([
      ['/ok?n=1', 1, 1],
      ['/ok?n=2', 1, 2],
      ['/ok?n=3', 1, 3],
    ]);
    expect(server.requests[1]?.body.toString()).toBe('abc');
  });

  test('is counted by path, and by path and query', async () => {
    await get('/ok?x=1');
    await get('/ok?x=2');
    await get('/status/404');

    expect([server.count(), server.count('/ok'), server.count('/ok?x=2'), server.count('/none')]).toEqual([3, 2, 1, 0]);
  });

  test('has the number of its connection, and its number on the connection', async () => {
    await get('/ok');
    await turn(); // undici reuses a connection one turn later
    await get('/ok');

    expect(server.requests.map(({ connection, nth }) => [connection, nth])).toEqual([
      [1, 1],
      [1, 2],
    ]);
    expect(server).toMatchObject({ connections: 1, open: 1 });
  });

  test('that its client aborts is recorded as aborted, with the time until then', async () => {
    const controller = new AbortController();
    const pending = fetch(server.url('/blackhole'), { signal: controller.signal });
    await server.until(({ busy }) => busy.length === 1);
    expect(server.aborted).toEqual([]);
    controller.abort();
    await expect(pending).rejects.toThrow('aborted');
    await server.until(({ aborted }) => aborted.length === 1);

    expect(server.last).toMatchObject({ state: 'aborted', headSent: false });
    expect(server.last?.abortedAfter).toBeGreaterThanOrEqual(0);
    expect(server.busy).toEqual([]);
  });

  test('that has a response, or that the server cuts, is not recorded as aborted', async () => {
    await get('/ok', { headers: { connection: 'close' } });
    await expect(get('/reset/amid-body')).rejects.toThrow('terminated');
    await server.until(({ open }) => open === 0);

    expect(server.requests.map(({ state }) => state)).toEqual(['complete', 'cut']);
    expect(server.aborted).toEqual([]);
  });

  test('for an unknown path or with a wrong parameter gets an error', async () => {
    expect(await status('/nowhere')).toBe(404);
    expect(await status('/sequence?steps=reste')).toBe(500);
    expect(await status('/endless?status=many')).toBe(500);
    expect(await status('/ok?delay=long')).toBe(500);
  });
});

describe('a preflight', () => {
  const preflight = (path: string): Promise<Response> =>
    fetch(server.url(path), {
      method: 'OPTIONS',
      headers: {
        origin: 'http://page',
        'access-control-request-method': 'PUT',
        'access-control-request-headers': 'authorization,x-any',
      },
    });

  test('is granted, and counted on its own', async () => {
    const { headers, status } = await preflight('/reset/before-headers');

    expect(status).toBe(204);
    expect(headers.get('access-control-allow-origin')).toBe('http://page');
    expect(headers.get('access-control-allow-methods')).toBe('PUT');
    expect(headers.get('access-control-allow-headers')).toBe('authorization,x-any');
    expect([server.preflights, server.count()]).toEqual([1, 0]);
  });

  test('is granted in an outage too', async () => {
    server.outage = true;
    expect((await preflight('/ok')).status).toBe(204);
  });

  test('is followed by responses that every page may read', async () => {
    const { headers } = await fetch(server.url('/ok?headers={"x-own":"1"}'), { headers: { origin: 'http://page' } });
    expect(headers.get('access-control-allow-origin')).toBe('http://page');
    expect(headers.get('access-control-expose-headers')).toMatch(/^\*, .*x-own/);
  });
});

describe('a response', () => {
  test('has the size, the status and the headers of the query', async () => {
    const response = await fetch(
      server.url('/ok?size=300000&status=201&headers={"x-a":"b","set-cookie":["c=1","d=2"]}'),
    );
    expect(response.status).toBe(201);
    expect(response.headers.get('x-a')).toBe('b');
    expect(response.headers.getSetCookie()).toEqual(['c=1', 'd=2']);
    expect(await response.text()).toHaveLength(300_000);
  });

  test('has no body for HEAD and with 204 and 304', async () => {
    expect(await get('/ok', { method: 'HEAD' })).toBe('');
    expect(await get('/status/204')).toBe('');
    expect(await get('/status/304')).toBe('');
    expect(server.requests.map(({ state }) => state)).toEqual(['complete', 'complete', 'complete']);
  });

  test('can be delayed', async () => {
    const before = performance.now();
    await get('/ok?delay=30');
    expect(performance.now() - before).toBeGreaterThanOrEqual(29);
  });

  test('that drips arrives in pieces', async () => {
    const response = await fetch(server.url('/drip/body?chunks=5&gap=20&size=7'));
    const pieces: number[] = [];
    for await (const { length } of response.body ?? []) pieces.push(length);
    expect(pieces).toEqual([7, 7, 7, 7, 7]);
  });

  test('arrives in real time while a test has fake timers', async () => {
    vi.useFakeTimers();
    try {
      expect(await get('/drip/body?delay=5')).toHaveLength(100);
    } finally {
      vi.useRealTimers();
    }
  });

  test('can follow many interim responses', async () => {
    let storm = 0;
    const request = http.get(server.url('/informational?count=50'), { agent: false }).on('information', () => storm++);
    const [response] = (await once(request, 'response')) as [http.IncomingMessage];
    response.resume();
    await once(response, 'end');
    expect([storm, response.statusCode]).toEqual([50, 200]);
  });

  test('can be an event stream with heartbeats', async () => {
    expect(await get('/sse?events=2&comments=2&gap=1')).toBe(
      [': heartbeat', ': heartbeat', 'id: 1\ndata: {"n":1}', ': heartbeat', ': heartbeat', 'id: 2\ndata: {"n":2}']
        .map((line) => `${line}\n\n`)
        .join(''),
    );
  });

  test('can redirect to any URL', async () => {
    const { status, redirected, url } = await fetch(server.url('/redirect/to?status=307&url=/ok?x=1'));
    expect([status, redirected, url]).toEqual([200, true, server.url('/ok?x=1')]);
  });
});

describe('a script', () => {
  test('takes a step with each request of its id, and repeats its last step', async () => {
    const path = '/sequence?statuses=503,429,200';
    const [a, b] = [`${path}&id=a`, `${path}&id=b`];
    expect([await status(a), await status(a), await status(b), await status(a), await status(a)]).toEqual([
      503, 429, 503, 200, 200,
    ]);
  });

  test('can cut, hang and delay', async () => {
    const path = '/sequence?steps=reset,fin,delay,hang';
    await expect(get(path)).rejects.toMatchObject({ cause: { code: 'ECONNRESET' } });
    await expect(get(path)).rejects.toMatchObject({ cause: { code: 'UND_ERR_SOCKET' } });
    expect(await status(path)).toBe(200);

    const controller = new AbortController();
    const hanging = fetch(server.url(path), { signal: controller.signal });
    await server.until(({ last }) => last?.state === 'hanging');
    controller.abort();
    await expect(hanging).rejects.toThrow('aborted');
  });

  test('of Retry-After has the header in the given number of responses, and then succeeds', async () => {
    const path = '/retry-after?status=429&times=2&header=retry-after-ms&value=50';
    const first = await fetch(server.url(path));
    expect([first.status, first.headers.get('retry-after-ms')]).toEqual([429, '50']);
    expect([await status(path), await status(path), await status(path)]).toEqual([429, 200, 200]);
  });

  test('of Retry-After can have a date', async () => {
    const before = Date.now();
    const { headers } = await fetch(server.url('/retry-after?date=60000'));
    const date = Date.parse(headers.get('retry-after') ?? '');
    expect(date).toBeGreaterThan(before + 59_000); // a date has whole seconds
    expect(date).toBeLessThanOrEqual(Date.now() + 60_000);
  });
});

describe('work', () => {
  test('is done before its response is sent or cut, and counted by id', async () => {
    const path = '/work?id=order&then=reset,fin,ok';
    await expect(get(path, { method: 'POST' })).rejects.toThrow('fetch failed');
    await expect(get(path, { method: 'POST' })).rejects.toThrow('fetch failed');
    expect(server.executions('order')).toBe(2);
    await get(path, { method: 'POST' });
    expect([server.executions('order'), server.executions('other')]).toEqual([3, 0]);
  });
});

describe('an outage', () => {
  test.for([
    [true, 'ECONNRESET'],
    ['reset', 'ECONNRESET'],
    ['fin', 'UND_ERR_SOCKET'],
  ] as const)('with %s fails every request', async ([how, code]) => {
    server.outage = how;
    await expect(get('/ok')).rejects.toMatchObject({ cause: { code } });
    await expect(get('/endless')).rejects.toMatchObject({ cause: { code } });
    server.outage = false;
    expect(await status('/ok')).toBe(200);
    expect(server.count()).toBe(3);
  });

  test('can be an error status', async () => {
    server.outage = 503;
    expect([await status('/ok'), await status('/blackhole')]).toEqual([503, 503]);
  });
});

describe('the fault server', () => {
  test('waits for a predicate, and lists its requests if the predicate does not hold in time', async () => {
    await get('/ok');
    await server.until(({ last }) => last?.path === '/ok');
    await expect(server.until((seen) => seen.count('/ok') === 2, { within: 20 })).rejects.toThrow(
      /Not within 20 ms.*=== 2\n1 requests.*\n {2}1\.1 GET \/ok \(0 bytes\): complete/s,
    );
  });

  test('rejects with the error that a predicate throws', async () => {
    const wait = server.until(({ last }) => {
      if (last) throw new Error('a mistake');
      return false;
    });
    await Promise.all([get('/ok'), expect(wait).rejects.toThrow('a mistake')]);
  });

  test('counts the TLS handshakes without a response until the client leaves', async () => {
    const socket = net.connect(Number(new URL(server.tlsStall).port), '127.0.0.1');
    await server.until(({ handshakes }) => handshakes === 1);
    socket.destroy();
    await server.until(({ handshakes }) => handshakes === 0);
    expect([server.connections, server.count()]).toEqual([0, 0]);
  });

  test('notices that the client leaves an upload that the server does not read', async () => {
    const controller = new AbortController();
    const upload = fetch(server.url('/stall/upload?gap=5'), {
      method: 'POST',
      body: new Uint8Array(8 * 1024 * 1024),
      signal: controller.signal,
    });
    await server.until(({ last }) => last?.state === 'hanging');
    controller.abort();
    await expect(upload).rejects.toThrow('aborted');
    await server.until(({ aborted }) => aborted.length === 1);
  });

  test('forgets its requests on reset(), and keeps the connections', async () => {
    await status('/sequence?statuses=503,200');
    await get('/work?id=a');
    await turn();
    await get('/keepalive/close-next');
    await turn();
    server.outage = 503;
    const { open } = server;
    server.reset();

    expect([server.count(), server.connections, server.executions('a'), server.outage]).toEqual([0, 0, 0, false]);
    expect(server.open).toBe(open);
    expect(await status('/ok')).toBe(200);
    expect(server.connections).toBe(0);
    expect(await status('/sequence?statuses=503,200')).toBe(503);
  });

  test('ends every request and every wait on close()', async () => {
    const ended = Promise.allSettled([server.until(() => false), get('/stall/body'), fetch(server.tlsStall)]);
    await server.until(({ last, handshakes }) => last?.state === 'hanging' && handshakes === 1);
    await server.close();

    expect((await ended).map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected']);
    await expect(get('/ok')).rejects.toMatchObject({ cause: { code: 'ECONNREFUSED' } });
    server = await faultServer();
  });

  test('can be read and changed by a page, on another port', async () => {
    const ask = async (path: string): Promise<unknown> => (await fetch(server.control + path)).json();
    await get('/work?id=a&n=1', { method: 'POST', body: 'hello' });

    expect(await ask('/executions?id=a')).toBe(1);
    expect(await ask('/seen')).toMatchObject({
      connections: 1,
      open: 1,
      requests: [{ method: 'POST', body: 'hello' }],
    });
    expect(await ask('/seen?url=/other')).toMatchObject({ requests: [] });
    expect(await ask('/until?url=/work&state=complete')).toMatchObject([{ url: '/work?id=a&n=1' }]);
    await ask('/outage?how=503');
    expect(await status('/ok')).toBe(503);
    await ask('/outage?how=off');
    expect(await status('/ok')).toBe(200);
    await ask('/reset');
    expect(server.count()).toBe(0);
  });
});
