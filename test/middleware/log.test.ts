import { afterEach, describe, expect, test, vi } from 'vitest';
import {
  constant,
  createFetch,
  createHandler,
  log,
  retry,
  timeout,
  trace,
  type LogLevel,
  type Middleware,
} from '../../src/index.ts';
import { faults, type Fault } from '../support/secrets.ts';
import { silent, stub } from '../support/call.ts';

const url = 'http://api.example/users?page=2';

type Line = Record<string, unknown> & { readonly error?: Record<string, unknown> };

/** Collects the lines of a log, parsed. */
function book(): { readonly lines: Line[]; readonly write: (line: string, level: LogLevel) => void } {
  const lines: Line[] = [];
  return { lines, write: (line) => lines.push(JSON.parse(line) as Line) };
}

afterEach(() => {
  vi.restoreAllMocks();
});

describe('log', () => {
  test('writes one line for each call', async () => {
    const { lines, write } = book();
    const { fetch } = stub([log({ service: 'shop', write }), retry({ backoff: constant(0) })], (attempt) =>
      attempt === 1 ? new Response(null, { status: 503 }) : new Response('fine'),
    );
    await fetch(url, { requestId: 'order-42' });
    expect(lines).toEqual([
      {
        time: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
        level: 'warn',
        service: 'shop',
        id: 'order-42',
        method: 'GET',
        url,
        status: 200,
        duration: expect.any(Number),
        attempts: 2,
      },
    ]);
  });

  test.each(['plain', 'ünïcode 🐾', 'a "quoted" \\ one', 'two\nlines\u0000', '\u2028', 'half \ud83d of a pair'])(
    'writes valid JSON for the id %j',
    async (id) => {
      const { lines, write } = book();
      const { fetch } = stub([log({ service: id, write })], () => new Response('fine'));
      await fetch(url, { requestId: id });
      expect(lines).toEqual([expect.objectContaining({ service: id, id, url })]);
    },
  );

  test('writes the code, the message and the causes of an error', async () => {
    const { lines, write } = book();
    const cause = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });
    const error = new TypeError('fetch failed', { cause });
    const { fetch } = stub([log({ write })], () => Promise.reject(error));
    await expect(fetch(url)).rejects.toBe(error);
    expect(lines).toMatchObject([
      {
        level: 'error',
        attempts: 1,
        error: {
          name: 'TypeError',
          message: 'fetch failed',
          cause: { name: 'Error', code: 'ECONNREFUSED', message: 'connect ECONNREFUSED' },
        },
      },
    ]);
    expect(lines[0]).not.toHaveProperty('status');
  });

  test('ends a circle of causes, and writes a thrown value that is no error', async () => {
    const { lines, write } = book();
    const error: Error & { cause?: unknown } = new Error('round');
    error.cause = error;
    const thrown: unknown[] = [error, 'text', null];
    const { fetch } = stub([log({ write })], () => Promise.reject(thrown.shift()));
    for (let n = 0; n < 3; n += 1) await fetch(url).catch(() => {});
    expect(lines.map((line) => line.error)).toMatchObject([
      { message: 'round', cause: { message: 'round' } },
      { name: 'string', message: 'text' },
      { name: 'object', message: 'null' },
    ]);
  });

  test.each([
    [200, 'info'],
    [404, 'warn'],
    [500, 'error'],
  ])('writes a response with %s at level %s', async (status, level) => {
    const { lines, write } = book();
    await stub([log({ write })], () => new Response(null, { status })).fetch(url);
    expect(lines).toMatchObject([{ status, level }]);
  });

  test('writes an abort by the caller at level info, and an exceeded time limit at level error', async () => {
    const { lines, write } = book();
    const fetch = createFetch({ use: [log({ write }), timeout(5)], fetch: silent });
    const left = new AbortController();
    const call = fetch(url, { signal: left.signal });
    left.abort();
    await expect(call).rejects.toThrow('aborted');
    await expect(fetch(url)).rejects.toThrow('within 5 ms');
    expect(lines).toMatchObject([
      { level: 'info', error: { name: 'AbortError' } },
      { level: 'error', error: { name: 'TimeoutError', code: 'TIMEOUT' } },
    ]);
  });

  test('writes nothing below its level, and nothing for a call with log: false', async () => {
    const { lines, write } = book();
    let status = 200;
    const { fetch } = stub([log({ write, level: 'error' })], () => new Response(null, { status }));
    await fetch(url);
    status = 500;
    await fetch(url, { log: false });
    expect(lines).toEqual([]);
    await fetch(url);
    expect(lines).toHaveLength(1);
  });

  test('writes to the console by default', async () => {
    const info = vi.spyOn(console, 'info').mockImplementation(() => {});
    await stub([log()], () => new Response(null)).fetch(url);
    expect(info.mock.calls).toEqual([[expect.stringMatching(/^\{"time":".*"status":200.*\}$/)]]);
  });

  test('reports a write that throws once, and the calls go on', async () => {
    const reported = vi.spyOn(console, 'error').mockImplementation(() => {});
    const write = (): never => {
      throw new Error('disk full');
    };
    const { fetch } = stub([log({ write })], () => new Response(null));
    for (let n = 0; n < 3; n += 1) expect((await fetch(url)).status).toBe(200);
    expect(reported.mock.calls.map(([, error]) => String(error))).toEqual(['Error: disk full']);
    reported.mockRestore();
  });

  test('writes the trace of the header of the caller, even without trace()', async () => {
    const { lines, write } = book();
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
    await stub([log({ write })], () => new Response(null)).fetch(url, { headers: { traceparent } });
    expect(lines).toMatchObject([{ traceId: '0af7651916cd43dd8448eb211c80319c' }]);
  });

  test('writes the trace that an inner middleware joined instead of the trace of the caller', async () => {
    const { lines, write } = book();
    const joined = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
    const join: Middleware = ({ request }, next) =>
      next({ request: new Request(request, { headers: { traceparent: joined } }) });
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
    await stub([log({ write }), join, trace()], () => new Response(null)).fetch(url, { headers: { traceparent } });
    expect(lines).toMatchObject([{ traceId: '4bf92f3577b34da6a3ce929d0e0e4736' }]);
  });

  test('writes the incoming request in a handler', async () => {
    const { lines, write } = book();
    const handle = createHandler({ use: [log({ write }), trace()] }, () => new Response(null, { status: 201 }));
    await handle(new Request('http://shop.example/orders', { method: 'POST' }));
    expect(lines).toMatchObject([{ method: 'POST', url: 'http://shop.example/orders', status: 201, attempts: 0 }]);
    expect(lines[0]!['traceId']).toMatch(/^[\da-f]{32}$/);
  });

  test.each([
    [{ level: 'loud' }, /log level must be/],
    [{ write: 'file' }, /log write must be a function/],
    [{ redact: 'token' }, /log redact must be a list/],
    [{ service: 7 }, /log service must be a string/],
    [{ colour: true }, /log has no option colour/],
  ])('throws for the invalid options %j', (options, message) => {
    expect(() => log(options as never)).toThrow(
      expect.objectContaining({ code: 'INVALID_OPTION', message: expect.stringMatching(message) }),
    );
  });

  test('writes no secret in the lines of 10,000 calls with secrets', async () => {
    const lines: string[] = [];
    let fault: Fault;
    const { fetch } = stub([log({ write: (line) => lines.push(line), redact: ['pet_name'] }), trace()], async () =>
      fault.respond(),
    );
    for (let n = 0; n < 10_000; n += 1) {
      fault = faults[n % faults.length]!(`s3cr3t${n}`);
      await fetch(...fault.call).then(
        (response) => response.text(),
        () => {},
      );
    }
    expect(lines).toHaveLength(10_000);
    expect(lines.filter((line) => line.toLowerCase().includes('s3cr3t')).slice(0, 5)).toEqual([]);
    expect(lines.filter((line) => line.includes('REDACTED')).length).toBeGreaterThan(5_000);
  });
});
