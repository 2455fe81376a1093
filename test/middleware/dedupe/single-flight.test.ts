import { getEventListeners } from 'node:events';
import { describe, expect, test, vi } from 'vitest';
import { fork, type Fork } from '../../../src/core/context.ts';
import { SingleFlight, type Slot } from '../../../src/middleware/dedupe/single-flight.ts';
import { contextOf } from '../../support/context.ts';
import { settled } from '../../support/origin.ts';

interface Started {
  readonly flight: SingleFlight;
  readonly signal: AbortSignal;
  readonly deadline: () => number;
  readonly slot: Slot;
  readonly respond: (response: Response) => void;
  readonly fail: (error: unknown) => void;
  /** A caller joins, and may leave with a reason. */
  readonly join: () => { readonly response: Promise<Response | undefined>; readonly leave: (reason: unknown) => void };
}

/** Resolves to `undefined`, which shows that the caller sent a request of its own. */
const sendAlone = async (): Promise<Response> => undefined as never;

/** A flight whose request ignores its signal and settles when the test settles it. */
function start(): Started {
  let respond!: Started['respond'];
  let fail!: Started['fail'];
  const response = new Promise<Response>((resolve, reject) => {
    respond = resolve;
    fail = reject;
  });
  const slot: Slot = { flight: undefined };
  let fork!: Fork;
  const flight = new SingleFlight(
    slot,
    { side: 'client', deadline: undefined },
    (changes) => ((fork = changes!), response),
  );
  const join: Started['join'] = () => {
    const own = new AbortController();
    const response = flight.join(contextOf({ signal: own.signal }), sendAlone);
    response.catch(() => {});
    return { response, leave: (reason) => own.abort(reason) };
  };
  const { signal } = fork.signal as AbortController;
  return { flight, signal, deadline: fork.deadline as () => number, slot, respond, fail, join };
}

async function textOf({ response }: ReturnType<Started['join']>): Promise<string | undefined> {
  return (await response)?.text();
}

describe('a single flight', () => {
  test('gives each caller its own Response, and frees its slot when the response comes', async () => {
    const { flight, respond, slot, join } = start();
    const callers = [join(), join(), join()];
    expect(slot.flight).toBe(flight);
    respond(new Response('hello'));
    expect(await Promise.all(callers.map(textOf))).toEqual(['hello', 'hello', 'hello']);
    expect(slot.flight).toBeUndefined();
  });

  test('gives its only caller the very Response', async () => {
    const { respond, join } = start();
    const response = new Response('hello');
    const only = join();
    respond(response);
    expect(await only.response).toBe(response);
    expect(response.bodyUsed).toBe(false);
  });

  test('that fails rejects every caller with the same error, and frees its slot', async () => {
    const { fail, slot, join } = start();
    const callers = [join(), join()];
    const error = new Error('no connection');
    fail(error);
    for (const { response } of callers) await expect(response).rejects.toBe(error);
    expect(slot.flight).toBeUndefined();
  });

  test('goes on until the last caller leaves, and is aborted with the reason of that caller', async () => {
    const { signal, slot, join } = start();
    const callers = [join(), join(), join()];
    for (const [n, { response, leave }] of callers.entries()) {
      expect(signal.aborted).toBe(false);
      leave(`reason ${n}`);
      await expect(response).rejects.toBe(`reason ${n}`);
    }
    expect([signal.aborted, signal.reason]).toEqual([true, 'reason 2']);
    expect(slot.flight).toBeUndefined();
  });

  test('leaves a newer flight in its slot when its own response comes late', async () => {
    const { slot, respond, join } = start();
    join().leave('bored');
    const newer = new SingleFlight(slot, { side: 'client', deadline: undefined }, () => new Promise(() => {}));
    respond(new Response('late'));
    await settled();
    expect(slot.flight).toBe(newer);
  });

  test('has the latest deadline of its callers, and none before the first one has joined', async () => {
    const { flight, deadline } = start();
    expect(deadline()).toBe(Infinity);
    const leaving = new AbortController();
    void flight.join(fork(contextOf({}), { deadline: 10 }), sendAlone);
    expect(deadline()).toBe(10);
    const late = flight.join(fork(contextOf({ signal: leaving.signal }), { deadline: 20 }), sendAlone);
    expect(deadline()).toBe(20);
    leaving.abort('gone');
    await expect(late).rejects.toBe('gone');
    expect(deadline()).toBe(10);
    void flight.join(contextOf(), sendAlone);
    expect(deadline()).toBe(Infinity);
  });

  test('discards a response that comes after every caller has left', async () => {
    const { respond, join } = start();
    join().leave('bored');
    const cancel = vi.fn();
    respond(new Response(new ReadableStream({ cancel }), { headers: { 'content-length': '1000000' } }));
    await settled();
    expect(cancel).toHaveBeenCalledOnce();
  });

  test('is not aborted by callers that leave after they got the whole body', async () => {
    const { respond, signal, join } = start();
    const [first, second] = [join(), join()];
    respond(new Response('hello'));
    expect(await textOf(second)).toBe('hello');
    first.leave('done');
    second.leave('done');
    expect(await textOf(first).catch((reason: unknown) => reason)).toBe('done'); // as fetch rejects
    expect(signal.aborted).toBe(false);
  });

  test('is not joined by a caller that has already aborted', async () => {
    const { flight, signal, join, respond } = start();
    const staying = join();
    await expect(flight.join(contextOf({ signal: AbortSignal.abort('gone') }), sendAlone)).rejects.toBe('gone');
    expect(signal.aborted).toBe(false);
    respond(new Response('hello'));
    expect(await textOf(staying)).toBe('hello');
  });

  test('adds one listener to the signal of a caller', () => {
    const { flight } = start();
    const { signal } = new AbortController();
    void flight.join(contextOf({ signal }), sendAlone);
    expect(getEventListeners(signal, 'abort')).toHaveLength(1);
  });

  test.each([
    ['an announced length above 64 MiB', () => new Response('x', { headers: { 'content-length': '67108865' } })],
    ['an event stream', () => new Response('data: 1\n\n', { headers: { 'content-type': 'text/event-stream; a=b' } })],
    [
      'a body that is being read',
      () => {
        const response = new Response('x');
        response.body!.getReader();
        return response;
      },
    ],
    [
      'a status that no Response can be created with',
      () => Object.defineProperty(new Response('x'), 'status', { value: 999 }),
    ],
  ])('lets the others send requests of their own for %s', async (_what, make) => {
    const { respond, signal, join } = start();
    const [first, ...others] = [join(), join(), join()];
    const response = make();
    const text = response.body!.locked ? undefined : await response.clone().text();
    respond(response);
    for (const other of others) expect(await other.response).toBeUndefined();
    for (const other of others) other.leave('on my own');
    expect(signal.aborted).toBe(false);
    if (text !== undefined) expect(await textOf(first)).toBe(text);
    else expect(await first.response).toBe(response);
    first.leave('enough');
    expect(signal.aborted).toBe(true);
  });

  test.each([
    ['an announced length above 1 MiB', { 'content-length': '1048577' }],
    ['a body that turns out longer than 1 MiB', {}],
  ])('gives each caller the body as it arrives for %s', async (_what, headers) => {
    const { respond, signal, join } = start();
    const callers = [join(), join(), join()];
    let body!: ReadableStreamDefaultController<Uint8Array>;
    respond(new Response(new ReadableStream({ start: (controller) => void (body = controller) }), { headers }));
    await settled();
    body.enqueue(new Uint8Array(1_048_577));
    const responses = await Promise.all(callers.map(({ response }) => response));
    const reads = responses.map((response) => response!.bytes());
    callers[0]!.leave('enough');
    body.enqueue(new Uint8Array(9));
    body.close();
    expect(await reads[0]!.catch((reason: unknown) => reason)).toBe('enough');
    for (const read of reads.slice(1)) expect(await read).toHaveLength(1_048_586);
    callers[1]!.leave('done');
    callers[2]!.leave('done');
    expect(signal.aborted).toBe(false);
  });

  test('is aborted when the last caller leaves, although the body is being read ahead', async () => {
    for (const order of [
      [0, 1],
      [1, 0],
    ]) {
      const { respond, signal, join } = start();
      const callers = [join(), join()];
      const cancel = vi.fn();
      let body!: ReadableStreamDefaultController<Uint8Array>;
      respond(new Response(new ReadableStream({ start: (controller) => void (body = controller), cancel })));
      const first = await callers[0]!.response;
      body.enqueue(new Uint8Array(9));
      for (const n of order) {
        expect(signal.aborted).toBe(false);
        if (n === 0) await first!.body!.cancel('caller 0');
        else callers[1]!.leave('caller 1');
      }
      expect(signal.reason).toBe(`caller ${order[1]}`);
      expect(cancel).toHaveBeenCalledExactlyOnceWith(signal.reason);
    }
  });

  test('gives the others clones of a response without a body, and the first caller the very Response', async () => {
    const { respond, join } = start();
    const callers = [join(), join(), join()];
    const response = new Response(null, { status: 204 });
    respond(response);
    const [first, ...others] = await Promise.all(callers.map(({ response }) => response));
    expect(first).toBe(response);
    for (const other of others) expect(other).not.toBe(response);
    expect(others.map((other) => other?.status)).toEqual([204, 204]);
  });

  test('rejects every caller if the result is not a Response that can be shared', async () => {
    const { respond, join } = start();
    const callers = [join(), join()];
    respond({} as never);
    for (const { response } of callers) await expect(response).rejects.toThrow(TypeError);
  });
});
