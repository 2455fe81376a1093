import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { constant, createFetch, standard, timeout, TimeoutError, type KyoaEvent } from '../src/index.ts';
import { watched } from './support/call.ts';
import { faults, faultServer, type Fault, type FaultServer } from './support/faults.ts';
import { url } from './support/http.ts';
import { countTimers, exitsByItself, expectQuiet, openSockets } from './support/sockets.ts';

// A comment line of an event stream is a heartbeat, and no progress.
const limits = { total: 1_500, headers: 300, idle: 250, isProgress: (chunk: Uint8Array) => chunk[0] !== 0x3a };
const retrying = { retries: 2, backoff: constant(2) };
const resuming = { backoff: constant(2) };

describe('standard', () => {
  test('returns timeout, dedupe, resume, idempotency, retry, breaker and timeout, the outermost first', () => {
    expect(
      standard()
        .map(({ name }) => name)
        .join(),
    ).toBe('timeout,dedupe,resume,idempotency,retry,breaker,timeout');
  });

  test('leaves out each policy whose option is false', () => {
    const names = (options: Parameters<typeof standard>[0]): string =>
      standard(options)
        .map(({ name }) => name)
        .join();
    expect(names({ retry: false, breaker: false })).toBe('timeout,dedupe,resume,idempotency,timeout');
    expect(names({ timeout: false })).toBe('dedupe,resume,idempotency,retry,breaker');
    expect(names({ timeout: false, dedupe: false, resume: false, idempotency: false })).toBe('retry,breaker');
  });

  test('passes the options of each policy by its name', async () => {
    let sent = 0;
    const fetch = createFetch({
      use: standard({ retry: { retries: 1, backoff: constant(0) }, timeout: 50 }),
      fetch: async () => new Response(null, { status: (sent += 1) && 503 }),
    });
    await fetch(url);
    expect(sent).toBe(2);
    expect(() => standard({ retry: { retries: -1 } })).toThrow('retry retries');
    expect(() => standard({ hedging: {} } as never)).toThrow('standard has no option hedging');
  });
});

describe('the standard stack', () => {
  let server: FaultServer;
  beforeAll(async () => {
    server = await faultServer();
  });
  afterAll(() => server.close());

  test.each(faults)('settles rightly and in time for the fault $name ($path)', async (fault) => {
    await using fresh = await faultServer(); // some faults need a server without connections
    const { fetch, events } = watched(standard({ timeout: limits, resume: resuming, retry: retrying }));
    using timers = countTimers();
    const started = performance.now();
    const result = await run(fault, fresh, fetch);
    expect(performance.now() - started).toBeLessThan(limits.total + 500);
    expect(result).toSatisfy(isRightFor(fault, fresh, events), `${fault.node} became ${JSON.stringify(result)}`);
    await expectQuiet(fresh);
    expect(timers.open()).toBe(0);
    // An aborted handshake leaves the socket of the global fetch open until its own connect limit. undici unrefs an idle
    // connection one turn of the event loop after its response.
    if (fault.at === 'tlsStall') return;
    await vi.waitFor(() => expect(openSockets(fresh.port).filter(({ referenced }) => referenced)).toEqual([]));
  });

  test('leaves no unhandled rejection after any fault, and the process exits', { timeout: 60_000 }, async () => {
    const origins = { origin: server.origin, refused: server.refused, tlsStall: server.tlsStall };
    const { code, stderr, stdout, signal } = await exitsByItself(
      `
      import { constant, createFetch, standard } from './src/index.ts';
      const origins = ${JSON.stringify(origins)};
      const faults = ${JSON.stringify(faults.filter(({ at }) => at !== 'tlsStall'))};
      const fetch = createFetch({ use: standard({ timeout: { ...${JSON.stringify(limits)}, isProgress: (chunk) => chunk[0] !== 0x3a }, resume: { backoff: constant(2) }, retry: { retries: 2, backoff: constant(2) } }) });
      process.on('unhandledRejection', (error) => { console.error('unhandled', error); process.exitCode = 2; });
      const run = async ({ path, at = 'origin', method = 'GET', upload, before }) => {
        if (before) await fetch(origins.origin + before).then((response) => response.text());
        const body = upload === undefined ? null : new Uint8Array(upload);
        return (await fetch(origins[at] + path, { method, body })).arrayBuffer();
      };
      const results = await Promise.allSettled(faults.map(run));
      console.log(results.length);
    `,
      { timeout: 40_000 },
    );
    expect({ code, signal, stderr }).toEqual({ code: 0, signal: null, stderr: '' });
    expect(Number(stdout)).toBe(faults.length - 1);
  });

  test('aborts an attempt that hangs, and sends another', async () => {
    const fetch = createFetch({ use: standard({ timeout: { headers: 80 }, retry: retrying }) });
    const response = await fetch(server.url('/reset-sequence?steps=hang,hang,ok&id=hang-twice'));
    expect(response.status).toBe(200);
    await response.text();
    expect(server.count('/reset-sequence?steps=hang,hang,ok&id=hang-twice')).toBe(3);
  });

  test('ends all retries at an outer time limit', async () => {
    const fetch = createFetch({
      use: [timeout(200), ...standard({ retry: { retries: Infinity, backoff: constant(20) } })],
    });
    await expect(fetch(`${server.refused}/`)).rejects.toSatisfy(
      (error: unknown) => error instanceof TimeoutError || (error as Error).message === 'fetch failed',
    );
  });
});

type Result = { status: number; bytes: number } | { error: unknown; status?: number };

async function run(fault: Fault, server: FaultServer, fetch: typeof globalThis.fetch): Promise<Result> {
  if (fault.before !== undefined) {
    await (await globalThis.fetch(server.url(fault.before))).arrayBuffer();
    await new Promise((resolve) => setTimeout(resolve));
  }
  let response: Response | undefined;
  try {
    response = await fetch(server[fault.at ?? 'origin'] + fault.path, {
      method: fault.method ?? 'GET',
      body: fault.upload === undefined ? null : new Uint8Array(fault.upload),
    });
    return { status: response.status, bytes: (await response.arrayBuffer()).byteLength };
  } catch (error) {
    return { error, ...(response && { status: response.status }) };
  }
}

/** Whether the result is that of a plain fetch, or a success where a retry repairs it, or a TimeoutError where it hangs. */
function isRightFor(fault: Fault, server: FaultServer, events: readonly KyoaEvent[]) {
  const retried = events.filter(({ type }) => type === 'retry.scheduled').length;
  const mayRepeat = (fault.method ?? 'GET') === 'GET';
  return (result: Result): boolean => {
    if ('error' in result) {
      const { error, status } = result;
      if (fault.node === 'hangs in body')
        return error instanceof TimeoutError && ['total', 'idle'].includes(error.phase);
      if (fault.node === 'hangs before headers')
        return error instanceof TimeoutError && error.phase === 'headers' && (!mayRepeat || retried === 2);
      if (fault.node === 'error in body') return error instanceof TypeError && status === 200 && retried === 0;
      return fault.node === 'error' && error instanceof TypeError;
    }
    if (fault.node === 'error') return mayRepeat && retried > 0 && result.status === 200; // mended
    if (fault.node === 'silently short') return result.bytes < (fault.bytes ?? Infinity);
    return fault.node === 'response' && [fault.status ?? 200, 200].includes(result.status);
  };
}
