/** The signal of the caller always works, its reason arrives unchanged, and no listener stays on it. */
import { getEventListeners } from 'node:events';
import { describe, expect, vi } from 'vitest';
import kyoa, { type BeforeRequestHook, type Fetch, type Kyoa, type Options } from '../../src/index.ts';
import { reasonOf } from '../support/promises.ts';
import { clients, hang, stall, test, type TestServer } from './server.ts';

const reasons = [new Error('enough'), new DOMException('left', 'AbortError'), 'a word', { an: 'object' }, 0, null];

/** How many abort listeners the signal has. */
const listeners = (signal: AbortSignal): number => getEventListeners(signal, 'abort').length;

/** Aborts once the server has received the request, and resolves to the reason of the call. */
async function abortUnderway(server: TestServer, call: PromiseLike<unknown>, abort: () => void): Promise<unknown> {
  const before = server.requests.length;
  const error = reasonOf(call);
  await server.until(() => server.requests.length > before);
  abort();
  return error;
}

/** A transport that runs `action` when its response has arrived and the body is being read. */
const respondThen =
  (action: () => void): Fetch =>
  async (request, init) => {
    const response = await fetch(request, init);
    setImmediate(() => setImmediate(action));
    return response;
  };

async function collectGarbage(): Promise<void> {
  for (let round = 0; round < 4; round++) {
    await new Promise((resolve) => setImmediate(resolve));
    gc!();
  }
}

describe.each(clients)('$name as a client', ({ client }) => {
  test('rejects with the caller’s reason before the headers', async ({ server }) => {
    server.respond(hang);
    for (const reason of reasons) {
      const controller = new AbortController();
      const call = client.get(server.origin, { signal: controller.signal });
      expect(await abortUnderway(server, call, () => controller.abort(reason))).toBe(reason);
    }
    await server.until(() => server.cut === reasons.length);
    expect(server.requests).toHaveLength(reasons.length);
  });

  test('rejects with an AbortError when the caller gives no reason', async ({ server }) => {
    server.respond(hang);
    const controller = new AbortController();
    const call = client.get(server.origin, { signal: controller.signal }).text();
    expect(await abortUnderway(server, call, () => controller.abort())).toMatchObject({ name: 'AbortError' });
  });

  test('sends nothing for a signal that has aborted', async ({ server }) => {
    for (const reason of reasons) {
      expect(await reasonOf(client.get(server.origin, { signal: AbortSignal.abort(reason) }).json())).toBe(reason);
    }
    expect(server.requests).toHaveLength(0);
  });

  test('obeys the signal of a Request', async ({ server }) => {
    server.respond(hang);
    const controller = new AbortController();
    const call = client(new Request(server.origin, { signal: controller.signal }));
    expect(await abortUnderway(server, call, () => controller.abort('enough'))).toBe('enough');
    await server.until(() => server.cut === 1);
  });

  test('stops waiting for a retry when the caller aborts', async ({ server }) => {
    server.respond((response) => response.writeHead(503, { 'retry-after': '60' }).end());
    const controller = new AbortController();
    const { signal } = controller;
    const fetch = respondThen(() => controller.abort('enough'));

    expect(await reasonOf(client.get(server.origin, { signal, timeout: false, fetch }))).toBe('enough');
    expect(server.requests).toHaveLength(1);
  });
});

describe('kyoa', () => {
  test('rejects with the caller’s reason during the body, in whichever way it is read', async ({ server }) => {
    server.respond(stall);
    const ways: ((options: Options) => Promise<unknown>)[] = [
      (options) => kyoa.get(server.origin, options).text(),
      (options) => kyoa.get(server.origin, options).json(),
      async (options) => (await kyoa.get(server.origin, options)).arrayBuffer(),
      async (options) => {
        const reader = (await kyoa.get(server.origin, options)).body!.getReader();
        for (;;) await reader.read();
      },
      async (options) => (await kyoa.get(server.origin, { ...options, onDownloadProgress() {} })).text(),
      async (options) =>
        (await kyoa.get(server.origin, { ...options, hooks: { afterResponse: [() => undefined] } })).text(),
    ];
    for (const read of ways) {
      for (const reason of reasons) {
        const controller = new AbortController();
        const cut = server.cut;
        const fetch = respondThen(() => controller.abort(reason));

        expect(await reasonOf(read({ signal: controller.signal, fetch }))).toBe(reason);
        await server.until(() => server.cut === cut + 1);
        expect(listeners(controller.signal)).toBe(0);
      }
    }
  });

  test('aborts the body after a garbage collection', async ({ server }) => {
    const abortLate = async (call: (signal: AbortSignal) => PromiseLike<Response>): Promise<void> => {
      server.respond(stall);
      const { cut } = server;
      const controller = new AbortController();
      const response = await call(controller.signal);
      const text = reasonOf(response.text());
      await collectGarbage();
      controller.abort('late');

      expect(await text).toBe('late');
      await server.until(() => server.cut === cut + 1);
    };
    const forever = new AbortController();
    const hooks = { beforeRequest: [() => undefined], afterResponse: [() => undefined] };

    await abortLate((signal) => kyoa.get(server.origin, { signal }));
    await abortLate((signal) => kyoa.get(server.origin, { signal, hooks }));
    await abortLate((signal) => kyoa.create({ signal }).get(server.origin));
    await abortLate((signal) => kyoa.create({ signal }).extend({ signal: forever.signal }).get(server.origin));
    await abortLate((signal) => kyoa.create({ signal: forever.signal }).get(server.origin, { signal }));
    await abortLate((signal) => kyoa.create({ signal }).get(server.origin, { signal: forever.signal }));
    await abortLate((signal) => kyoa(new Request(server.origin, { signal })));
    const replace: BeforeRequestHook[] = [({ request }) => new Request(request, { signal: forever.signal })];
    await abortLate((signal) => kyoa.get(server.origin, { signal, hooks: { beforeRequest: replace } }));
    await abortLate((signal) =>
      kyoa.get(server.origin, { hooks: { beforeRequest: [({ request }) => new Request(request, { signal })] } }),
    );
  });

  test('leaves no listener on a signal once the call has ended', async ({ server }) => {
    const instance = new AbortController();
    const own = new AbortController();
    const api = kyoa.create({ signal: instance.signal });
    const call = { signal: own.signal };
    const hooks = { beforeRequest: [() => undefined] };
    const none = (): void => {
      expect(listeners(instance.signal)).toBe(0);
      expect(listeners(own.signal)).toBe(0);
    };

    await api.get(server.origin, call).json();
    none();
    await api.get(server.origin, { ...call, hooks }).json();
    none();
    await (await api.get(server.origin, call)).body!.cancel();
    none();
    await api.get(server.origin, { ...call, onDownloadProgress() {} }).text();
    none();
    await api.head(server.origin, call);
    none();
    server.respond(404);
    await reasonOf(api.get(server.origin, call));
    none();
    server.respond((response) => response.destroy());
    await reasonOf(api.get(server.origin, { ...call, retry: 0 }));
    none();
    server.respond(hang);
    await reasonOf(api.get(server.origin, { ...call, timeout: 20 }));
    none();
    expect(await abortUnderway(server, api.get(server.origin, call), () => own.abort('enough'))).toBe('enough');
    none();
  });

  test('leaves 0 listeners and a flat heap after 10,000 calls on one signal', { timeout: 60_000 }, async () => {
    const instance = new AbortController();
    const own = new AbortController();
    const api: Kyoa = kyoa.create({ signal: instance.signal, fetch: async () => new Response('{}') });
    const heap = async (): Promise<number> => {
      await collectGarbage();
      return process.memoryUsage().heapUsed;
    };
    const calls = async (count: number): Promise<void> => {
      for (let n = 0; n < count; n++) await api.get('http://127.0.0.1/', { signal: own.signal }).json();
    };

    const derived = vi.spyOn(AbortSignal, 'any');
    await calls(3_000); // enough for the compiler to settle
    const before = await heap();
    await calls(10_000);
    const growth = (await heap()) - before;

    expect(listeners(instance.signal)).toBe(0);
    expect(listeners(own.signal)).toBe(0);
    expect(growth / 10_000).toBeLessThan(100); // bytes a call
    expect(derived).not.toHaveBeenCalled(); // Node 22 would keep the derived signals
    derived.mockRestore();
  });
});
