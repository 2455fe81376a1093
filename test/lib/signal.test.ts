import { getEventListeners } from 'node:events';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { childOf } from '../../src/core/engine/lazy-abort.ts';
import { withCallerSignal } from '../../src/lib/signal.ts';
import { flood, origin, settled } from '../support/origin.ts';
import { gcUntil } from '../support/sockets.ts';

function listeners(signal: AbortSignal): number {
  return getEventListeners(signal, 'abort').length;
}

async function reasonOf(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    (value) => {
      throw new Error(`It resolved to ${String(value)}`);
    },
    (error: unknown) => error,
  );
}

const reasons = [new Error('enough'), 'enough', null, 0, { why: 'enough' }];

afterEach(() => {
  vi.useRealTimers();
});

describe('signal of a branch', () => {
  test.for(reasons)('aborts with its parent, for the same reason: %o', (reason) => {
    const parent = new AbortController();
    const child = childOf(parent.signal);
    const grandchild = childOf(child.signal);
    expect(grandchild.signal.aborted).toBe(false);
    parent.abort(reason);
    expect([child, grandchild].map(({ signal }) => signal.reason as unknown)).toEqual([reason, reason]);
    expect(grandchild.signal.aborted).toBe(true);
  });

  test('is aborted from the beginning when its parent is', () => {
    const parent = AbortSignal.abort('enough');
    const child = childOf(parent);
    expect([child.signal.aborted, child.signal.reason]).toEqual([true, 'enough']);
    expect(listeners(parent)).toBe(0);
  });

  test('never touches its parent or its siblings', () => {
    const parent = new AbortController();
    const [child, sibling] = [childOf(parent.signal), childOf(parent.signal)];
    child.abort('enough');
    expect([parent.signal.aborted, sibling.signal.aborted]).toEqual([false, false]);
    parent.abort('all of it');
    expect([child.signal.reason, sibling.signal.reason]).toEqual(['enough', 'all of it']);
  });

  test('leaves the parent without a listener once that has aborted', () => {
    const parent = new AbortController();
    childOf(parent.signal);
    parent.abort();
    expect(listeners(parent.signal)).toBe(0);
  });
});

describe('signal of a caller', () => {
  test('does not run a call that is aborted before it begins', async () => {
    const run = vi.fn<() => Promise<Response>>();
    for (const reason of reasons) {
      const caller = AbortSignal.abort(reason);
      expect(await reasonOf(withCallerSignal(caller, run))).toBe(reason);
      expect(listeners(caller)).toBe(0);
    }
    expect(run).not.toHaveBeenCalled();
  });

  test('gives the platform’s own reason where the caller gives none', async () => {
    const controller = new AbortController();
    const answer = withCallerSignal(controller.signal, () => new Promise(() => {}));
    controller.abort();
    const reason = await reasonOf(answer);
    expect(reason).toBe(controller.signal.reason);
    expect(reason).toMatchObject({ name: 'AbortError' });
  });

  test('is not the signal that the call runs under', async () => {
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

  test.for(reasons)('rejects at once, for its own reason, and the server sees it go: %o', async (reason) => {
    await using server = await origin(() => {}); // never answers
    const controller = new AbortController();
    const answer = withCallerSignal(controller.signal, ({ signal }) => fetch(server.url, { signal }));
    expect(listeners(controller.signal)).toBe(1);
    await vi.waitFor(() => expect(server.exchanges).toHaveLength(1));
    controller.abort(reason);
    expect(await reasonOf(answer)).toBe(reason);
    expect(listeners(controller.signal)).toBe(0);
    expect(await server.exchanges[0]!.over).toBe('cut');
  });

  test('rejects at once though the transport ignores the signal', async () => {
    const controller = new AbortController();
    const answer = withCallerSignal(controller.signal, () => new Promise(() => {}));
    controller.abort('enough');
    expect(await reasonOf(answer)).toBe('enough');
    expect(listeners(controller.signal)).toBe(0);
  });

  test('rejects for its own reason though what is beneath has another', async () => {
    const controller = new AbortController();
    const answer = withCallerSignal(
      controller.signal,
      ({ signal }) =>
        new Promise((_resolve, reject) => {
          signal.addEventListener('abort', () => reject(new Error('of the transport')));
        }),
    );
    controller.abort('enough');
    expect(await reasonOf(answer)).toBe('enough');
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
    await using server = await origin(({ answer }) => void answer.write('part'));
    for (const hears of [true, false]) {
      const controller = new AbortController();
      const run = ({ signal }: { signal: AbortSignal }): Promise<Response> =>
        fetch(server.url, hears ? { signal } : {});
      const response = await withCallerSignal(controller.signal, run);
      const reason = reasonOf(reading[how]!(response));
      await settled();
      expect(listeners(controller.signal)).toBe(1);
      controller.abort('enough');
      expect(await reason).toBe('enough');
      expect(listeners(controller.signal)).toBe(0);
      if (hears) expect(await server.exchanges.at(-1)!.over).toBe('cut');
    }
  });

  test('fails a body that nobody has begun to read', async () => {
    await using server = await origin(({ answer }) => void answer.write('part'));
    const controller = new AbortController();
    const response = await withCallerSignal(controller.signal, ({ signal }) => fetch(server.url, { signal }));
    controller.abort('enough');
    expect(await reasonOf(response.text())).toBe('enough');
    expect(await server.exchanges[0]!.over).toBe('cut');
  });

  test('aborts the call also after a garbage collection', async () => {
    await using server = await origin(({ answer }) => void answer.write('part'));
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

  test('lets go of an answer that comes late, where the transport ignores the signal', async () => {
    await using server = await origin((exchange) => void exchange.request.on('end', () => {}));
    const controller = new AbortController();
    const answer = withCallerSignal(controller.signal, () => fetch(server.url));
    await vi.waitFor(() => expect(server.exchanges).toHaveLength(1));
    controller.abort('enough');
    expect(await reasonOf(answer)).toBe('enough');
    flood(server.exchanges[0]!);
    expect(await server.exchanges[0]!.over).toBe('cut');
  });

  test('keeps the connection of a short answer that comes late', async () => {
    await using server = await origin(() => {});
    const controller = new AbortController();
    const answer = withCallerSignal(controller.signal, () => fetch(server.url));
    await vi.waitFor(() => expect(server.exchanges).toHaveLength(1));
    controller.abort('enough');
    expect(await reasonOf(answer)).toBe('enough');
    server.exchanges[0]!.answer.end('late');
    expect(await server.exchanges[0]!.over).toBe('complete');
    await settled();
    const next = fetch(server.url);
    await vi.waitFor(() => expect(server.exchanges).toHaveLength(2));
    server.exchanges[1]!.answer.end();
    await (await next).text();
    expect(server.exchanges.map(({ connection }) => connection)).toEqual([1, 1]);
  });

  test('takes no notice of an error that comes late', async () => {
    const controller = new AbortController();
    let fail: (error: Error) => void;
    const answer = withCallerSignal(controller.signal, () => new Promise((_resolve, reject) => (fail = reject)));
    controller.abort('enough');
    fail!(new Error('late'));
    expect(await reasonOf(answer)).toBe('enough');
    await settled();
  });
});

describe('signal of a caller is left without a listener when', () => {
  let caller: AbortSignal; // lives longer than the call
  beforeEach(() => {
    caller = new AbortController().signal;
  });
  afterEach(() => {
    expect(listeners(caller)).toBe(0);
  });

  test('the body has been read', async () => {
    await using server = await origin(({ answer }) => void answer.end('hello'));
    const response = await withCallerSignal(caller, ({ signal }) => fetch(server.url, { signal }));
    expect(listeners(caller)).toBe(1);
    expect(await response.text()).toBe('hello');
  });

  test('the body has been read as a stream', async () => {
    await using server = await origin(({ answer }) => void answer.end('hello'));
    const response = await withCallerSignal(caller, ({ signal }) => fetch(server.url, { signal }));
    for await (const chunk of response.body!) expect(chunk).toHaveLength(5);
  });

  test('the body is cancelled', async () => {
    await using server = await origin(({ answer }) => void answer.write('part'));
    const response = await withCallerSignal(caller, ({ signal }) => fetch(server.url, { signal }));
    await response.body!.cancel();
    expect(await server.exchanges[0]!.over).toBe('cut');
  });

  test('the body fails', async () => {
    await using server = await origin(({ answer }) => void answer.write('part'));
    const response = await withCallerSignal(caller, ({ signal }) => fetch(server.url, { signal }));
    const reason = reasonOf(response.text());
    server.exchanges[0]!.answer.destroy();
    expect(await reason).toMatchObject({ message: 'terminated' });
  });

  test('there is no body', async () => {
    await using server = await origin(({ answer }) => void answer.writeHead(204).end());
    await withCallerSignal(caller, ({ signal }) => fetch(server.url, { signal }));
    expect(listeners(caller)).toBe(0);
  });

  test('the body was read beneath', async () => {
    await using server = await origin(({ answer }) => void answer.end('hello'));
    await withCallerSignal(caller, async ({ signal }) => {
      const response = await fetch(server.url, { signal });
      await response.text();
      return response;
    });
  });

  test('the call rejects', async () => {
    const mistake = new TypeError('a mistake');
    expect(await reasonOf(withCallerSignal(caller, () => Promise.reject(mistake)))).toBe(mistake);
  });

  test('the call throws before it has begun', async () => {
    const mistake = new TypeError('a mistake');
    const run = (): never => {
      throw mistake;
    };
    expect(await reasonOf(withCallerSignal(caller, run))).toBe(mistake);
  });

  test('ten thousand calls have gone before', async () => {
    for (let call = 0; call < 10_000; call += 1) {
      const response = await withCallerSignal(caller, async () => new Response('hello'));
      await response.text();
    }
  });
});
