import { getEventListeners } from 'node:events';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { childOf, LazyAbortController, NeverAborted, SignalSource } from '../../src/core/engine/lazy-abort.ts';
import { withCallerSignal } from '../../src/lib/caller-signal.ts';
import { flood, origin, settled } from '../support/origin.ts';
import { reasonOf } from '../support/promises.ts';
import { gcUntil } from '../support/sockets.ts';

function listeners(signal: AbortSignal): number {
  return getEventListeners(signal, 'abort').length;
}

const reasons = [new Error('enough'), 'enough', null, 0, { why: 'enough' }];

afterEach(() => {
  vi.useRealTimers();
});

describe('a child controller', () => {
  test.for(reasons)('aborts with its parent, with the same reason: %o', (reason) => {
    const parent = new AbortController();
    const child = childOf(new SignalSource(parent.signal));
    const grandchild = childOf(child);
    expect([grandchild.aborted, grandchild.signal.aborted]).toEqual([false, false]);
    parent.abort(reason);
    expect([child, grandchild].map(({ signal }) => signal.reason as unknown)).toEqual([reason, reason]);
    expect([child.reason, grandchild.reason]).toEqual([reason, reason]);
    expect([grandchild.aborted, grandchild.signal.aborted]).toEqual([true, true]);
  });

  test('is aborted from the beginning if its parent is', () => {
    const parent = AbortSignal.abort('enough');
    const child = childOf(new SignalSource(parent));
    expect([child.signal.aborted, child.signal.reason]).toEqual([true, 'enough']);
    expect(listeners(parent)).toBe(0);
    expect(childOf(child).signal.reason).toBe('enough');
  });

  test('does not abort its parent or its siblings', () => {
    const parent = new LazyAbortController();
    const [child, sibling] = [childOf(parent), childOf(parent)];
    child.abort('enough');
    expect([parent.signal.aborted, sibling.signal.aborted]).toEqual([false, false]);
    parent.abort('all of it');
    expect([child.signal.reason, sibling.signal.reason]).toEqual(['enough', 'all of it']);
  });

  test('leaves no listener on its parent after an abort of the parent', () => {
    const parent = new AbortController();
    childOf(new SignalSource(parent.signal));
    expect(listeners(parent.signal)).toBe(1);
    parent.abort();
    expect(listeners(parent.signal)).toBe(0);
  });

  test('of a call that nothing aborts from outside aborts alone', () => {
    const parent = new NeverAborted();
    const child = childOf(parent);
    child.abort('enough');
    expect([child.signal.reason, parent.aborted, parent.signal.aborted]).toEqual(['enough', false, false]);
  });
});

describe('a call under the signal of its caller', () => {
  test('does not run if the signal has already aborted', async () => {
    const run = vi.fn<() => Promise<Response>>();
    for (const reason of reasons) {
      const caller = AbortSignal.abort(reason);
      expect(await reasonOf(withCallerSignal(caller, run))).toBe(reason);
      expect(listeners(caller)).toBe(0);
    }
    expect(run).not.toHaveBeenCalled();
  });

  test('rejects with the platform’s own reason if the caller gives none', async () => {
    const controller = new AbortController();
    const call = withCallerSignal(controller.signal, () => new Promise(() => {}));
    controller.abort();
    const reason = await reasonOf(call);
    expect(reason).toBe(controller.signal.reason);
    expect(reason).toMatchObject({ name: 'AbortError' });
  });

  test('runs under another signal, which does not abort after the end of the call', async () => {
    const controller = new AbortController();
    let own: AbortSignal | undefined;
    await withCallerSignal(controller.signal, async ({ signal }) => {
      own = signal;
      return new Response(null);
    });
    expect(own).not.toBe(controller.signal);
    expect(listeners(controller.signal)).toBe(0);
    controller.abort();
    expect(own!.aborted).toBe(false); // the call is over
  });

  test.for(reasons)('rejects at once with the reason of the caller, and closes its connection: %o', async (reason) => {
    await using server = await origin(() => {}); // it never responds
    const controller = new AbortController();
    const call = withCallerSignal(controller.signal, ({ signal }) => fetch(server.url, { signal }));
    expect(listeners(controller.signal)).toBe(1);
    await vi.waitFor(() => expect(server.exchanges).toHaveLength(1));
    controller.abort(reason);
    expect(await reasonOf(call)).toBe(reason);
    expect(listeners(controller.signal)).toBe(0);
    expect(await server.exchanges[0]!.over).toBe('cut');
  });

  test('rejects at once even if the transport ignores the signal', async () => {
    const controller = new AbortController();
    const call = withCallerSignal(controller.signal, () => new Promise(() => {}));
    controller.abort('enough');
    expect(await reasonOf(call)).toBe('enough');
    expect(listeners(controller.signal)).toBe(0);
  });

  test('rejects with the reason of the caller even if the transport rejects with another', async () => {
    const controller = new AbortController();
    const call = withCallerSignal(
      controller.signal,
      ({ signal }) =>
        new Promise((_resolve, reject) => {
          signal.addEventListener('abort', () => reject(new Error('of the transport')));
        }),
    );
    controller.abort('enough');
    expect(await reasonOf(call)).toBe('enough');
  });

  const reading: Record<string, (response: Response) => Promise<unknown>> = {
    'text()': (response) => response.text(),
    'a reader': (response) => {
      const reader = response.body!.getReader();
      return reader.read().then(() => reader.read());
    },
    'for await': async (response) => {
      for await (const chunk of response.body!) expect(chunk).toBeDefined();
    },
    'a clone': (response) => response.clone().text(),
  };

  test.for(Object.keys(reading))('fails a body that is being read by %s', async (how) => {
    await using server = await origin(({ response }) => void response.write('part'));
    for (const reacts of [true, false]) {
      const controller = new AbortController();
      const run = ({ signal }: { signal: AbortSignal }): Promise<Response> =>
        fetch(server.url, reacts ? { signal } : {});
      const response = await withCallerSignal(controller.signal, run);
      const reason = reasonOf(reading[how]!(response));
      await settled();
      expect(listeners(controller.signal)).toBe(1);
      controller.abort('enough');
      expect(await reason).toBe('enough');
      expect(listeners(controller.signal)).toBe(0);
      if (reacts) expect(await server.exchanges.at(-1)!.over).toBe('cut');
    }
  });

  test('fails a body that is not yet being read', async () => {
    await using server = await origin(({ response }) => void response.write('part'));
    const controller = new AbortController();
    const response = await withCallerSignal(controller.signal, ({ signal }) => fetch(server.url, { signal }));
    controller.abort('enough');
    expect(await reasonOf(response.text())).toBe('enough');
    expect(await server.exchanges[0]!.over).toBe('cut');
  });

  test('is aborted also after a garbage collection', async () => {
    await using server = await origin(({ response }) => void response.write('part'));
    const controller = new AbortController();
    const response = await withCallerSignal(controller.signal, ({ signal }) => fetch(server.url, { signal }));
    const reason = reasonOf(response.text());
    const canary = abandonedObject();
    await gcUntil(() => canary.deref() === undefined);
    controller.abort('enough');
    expect(await reason).toBe('enough');
    expect(await server.exchanges[0]!.over).toBe('cut');
  });

  function abandonedObject(): WeakRef<object> {
    return new WeakRef({});
  }

  test('cancels a long response that comes after the abort', async () => {
    await using server = await origin((exchange) => void exchange.request.on('end', () => {}));
    const controller = new AbortController();
    const call = withCallerSignal(controller.signal, () => fetch(server.url));
    await vi.waitFor(() => expect(server.exchanges).toHaveLength(1));
    controller.abort('enough');
    expect(await reasonOf(call)).toBe('enough');
    flood(server.exchanges[0]!);
    expect(await server.exchanges[0]!.over).toBe('cut');
  });

  test('keeps the connection of a short response that comes after the abort', async () => {
    await using server = await origin(() => {});
    const controller = new AbortController();
    const call = withCallerSignal(controller.signal, () => fetch(server.url));
    await vi.waitFor(() => expect(server.exchanges).toHaveLength(1));
    controller.abort('enough');
    expect(await reasonOf(call)).toBe('enough');
    server.exchanges[0]!.response.end('late');
    expect(await server.exchanges[0]!.over).toBe('complete');
    await settled();
    const next = fetch(server.url);
    await vi.waitFor(() => expect(server.exchanges).toHaveLength(2));
    server.exchanges[1]!.response.end();
    await (await next).text();
    expect(server.exchanges.map(({ connection }) => connection)).toEqual([1, 1]);
  });

  test('ignores an error that comes after the abort', async () => {
    const controller = new AbortController();
    let fail: (error: Error) => void;
    const call = withCallerSignal(controller.signal, () => new Promise((_resolve, reject) => (fail = reject)));
    controller.abort('enough');
    fail!(new Error('late'));
    expect(await reasonOf(call)).toBe('enough');
    await settled();
  });
});

describe('the signal of a caller has no listener after', () => {
  let caller: AbortSignal; // it lives longer than the call
  beforeEach(() => {
    caller = new AbortController().signal;
  });
  afterEach(() => {
    expect(listeners(caller)).toBe(0);
  });

  test('a body that was read', async () => {
    await using server = await origin(({ response }) => void response.end('hello'));
    const response = await withCallerSignal(caller, ({ signal }) => fetch(server.url, { signal }));
    expect(listeners(caller)).toBe(1);
    expect(await response.text()).toBe('hello');
  });

  test('a body that was read as a stream', async () => {
    await using server = await origin(({ response }) => void response.end('hello'));
    const response = await withCallerSignal(caller, ({ signal }) => fetch(server.url, { signal }));
    for await (const chunk of response.body!) expect(chunk).toHaveLength(5);
  });

  test('a body that was cancelled', async () => {
    await using server = await origin(({ response }) => void response.write('part'));
    const response = await withCallerSignal(caller, ({ signal }) => fetch(server.url, { signal }));
    await response.body!.cancel();
    expect(await server.exchanges[0]!.over).toBe('cut');
  });

  test('a body that failed', async () => {
    await using server = await origin(({ response }) => void response.write('part'));
    const response = await withCallerSignal(caller, ({ signal }) => fetch(server.url, { signal }));
    const reason = reasonOf(response.text());
    server.exchanges[0]!.response.destroy();
    expect(await reason).toMatchObject({ message: 'terminated' });
  });

  test('a response without a body', async () => {
    await using server = await origin(({ response }) => void response.writeHead(204).end());
    await withCallerSignal(caller, ({ signal }) => fetch(server.url, { signal }));
    expect(listeners(caller)).toBe(0);
  });

  test('a body that was read by inner code', async () => {
    await using server = await origin(({ response }) => void response.end('hello'));
    await withCallerSignal(caller, async ({ signal }) => {
      const response = await fetch(server.url, { signal });
      await response.text();
      return response;
    });
  });

  test('a call that rejected', async () => {
    const mistake = new TypeError('a mistake');
    expect(await reasonOf(withCallerSignal(caller, () => Promise.reject(mistake)))).toBe(mistake);
  });

  test('a call that threw synchronously', async () => {
    const mistake = new TypeError('a mistake');
    const run = (): never => {
      throw mistake;
    };
    expect(await reasonOf(withCallerSignal(caller, run))).toBe(mistake);
  });

  test('ten thousand calls', async () => {
    for (let call = 0; call < 10_000; call += 1) {
      const response = await withCallerSignal(caller, async () => new Response('hello'));
      await response.text();
    }
  });
});
