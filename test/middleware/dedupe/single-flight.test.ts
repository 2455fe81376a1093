import { getEventListeners } from 'node:events';
import { describe, expect, test, vi } from 'vitest';
import { SingleFlight } from '../../../src/middleware/dedupe/single-flight.ts';
import { contextOf } from '../../support/context.ts';
import { settled } from '../../support/origin.ts';

interface Started {
  readonly flight: SingleFlight;
  readonly signal: AbortSignal;
  readonly over: ReturnType<typeof vi.fn>;
  readonly land: (response: Response) => void;
  readonly crash: (error: unknown) => void;
  /** Somebody boards, and may leave with a reason. */
  readonly board: () => { readonly response: Promise<Response | undefined>; readonly leave: (reason: unknown) => void };
}

/** Nothing, so that it shows who went alone. */
const alone = async (): Promise<Response> => undefined as never;

/** A flight whose request hears no signal, and answers when told. */
function start(longest = 100): Started {
  let land!: Started['land'];
  let crash!: Started['crash'];
  const answer = new Promise<Response>((resolve, reject) => {
    land = resolve;
    crash = reject;
  });
  const over = vi.fn();
  let signal!: AbortSignal;
  const flight = new SingleFlight((given) => ((signal = given.signal), answer), longest, over);
  const board: Started['board'] = () => {
    const own = new AbortController();
    const response = flight.join(contextOf({ signal: own.signal }), alone);
    response.catch(() => {});
    return { response, leave: (reason) => own.abort(reason) };
  };
  return { flight, signal, over, land, crash, board };
}

async function textOf({ response }: ReturnType<Started['board']>): Promise<string | undefined> {
  return (await response)?.text();
}

describe('a flight', () => {
  test('hands everyone a Response of their own, and tells once that nobody can board any more', async () => {
    const { land, over, board } = start();
    const passengers = [board(), board(), board()];
    expect(over).not.toHaveBeenCalled();
    land(new Response('hello'));
    expect(await Promise.all(passengers.map(textOf))).toEqual(['hello', 'hello', 'hello']);
    expect(over).toHaveBeenCalledOnce();
  });

  test('with one passenger hands over the very Response', async () => {
    const { land, board } = start();
    const response = new Response('hello');
    const alone = board();
    land(response);
    expect(await alone.response).toBe(response);
    expect(response.bodyUsed).toBe(false);
  });

  test('that fails rejects everyone with the very error', async () => {
    const { crash, over, board } = start();
    const passengers = [board(), board()];
    const error = new Error('no connection');
    crash(error);
    for (const { response } of passengers) await expect(response).rejects.toBe(error);
    expect(over).toHaveBeenCalledOnce();
  });

  test('goes on while anybody is aboard, and is aborted with the last one’s reason', async () => {
    const { signal, over, board } = start();
    const passengers = [board(), board(), board()];
    for (const [n, { response, leave }] of passengers.entries()) {
      expect(signal.aborted).toBe(false);
      leave(`reason ${n}`);
      await expect(response).rejects.toBe(`reason ${n}`);
    }
    expect([signal.aborted, signal.reason]).toEqual([true, 'reason 2']);
    expect(over).toHaveBeenCalledOnce();
  });

  test('lets go of an answer that comes when all have left', async () => {
    const { land, board } = start();
    board().leave('bored');
    const cancel = vi.fn();
    land(new Response(new ReadableStream({ cancel }), { headers: { 'content-length': '1000000' } }));
    await settled();
    expect(cancel).toHaveBeenCalledOnce();
  });

  test('is not aborted by those who leave when they have all they need', async () => {
    const { land, signal, board } = start();
    const [first, second] = [board(), board()];
    land(new Response('hello'));
    expect(await textOf(second)).toBe('hello');
    first.leave('done');
    second.leave('done');
    expect(signal.aborted).toBe(false);
    expect(await textOf(first).catch((reason: unknown) => reason)).toBe('hello');
  });

  test('does not carry whoever has left before boarding', async () => {
    const { flight, signal, board, land } = start();
    const staying = board();
    await expect(flight.join(contextOf({ signal: AbortSignal.abort('gone') }), alone)).rejects.toBe('gone');
    expect(signal.aborted).toBe(false);
    land(new Response('hello'));
    expect(await textOf(staying)).toBe('hello');
  });

  test('leaves one listener with the signal of a passenger', () => {
    const { flight } = start();
    const { signal } = new AbortController();
    void flight.join(contextOf({ signal }), alone);
    expect(getEventListeners(signal, 'abort')).toHaveLength(1);
  });

  test.each([
    ['an announced length above the limit', () => new Response('x', { headers: { 'content-length': '101' } })],
    ['more bytes than the limit', () => new Response('x'.repeat(101))],
    ['an event stream', () => new Response('data: 1\n\n', { headers: { 'content-type': 'text/event-stream; a=b' } })],
    [
      'a body that somebody is reading',
      () => {
        const response = new Response('x');
        response.body!.getReader();
        return response;
      },
    ],
    [
      'a status that no Response can be made with',
      () => Object.defineProperty(new Response('x'), 'status', { value: 999 }),
    ],
  ])('sends the others away from %s', async (_what, make) => {
    const { land, signal, board } = start();
    const [first, ...others] = [board(), board(), board()];
    const response = make();
    const text = response.body!.locked ? undefined : await response.clone().text();
    land(response);
    for (const other of others) expect(await other.response).toBeUndefined();
    for (const other of others) other.leave('on my own');
    expect(signal.aborted).toBe(false);
    if (text !== undefined) expect(await textOf(first)).toBe(text);
    else expect(await first.response).toBe(response);
    first.leave('enough');
    expect(signal.aborted).toBe(true);
  });

  test('hands out clones of what has no body, the very Response to the first', async () => {
    const { land, board } = start();
    const passengers = [board(), board(), board()];
    const response = new Response(null, { status: 204 });
    land(response);
    const [first, ...others] = await Promise.all(passengers.map(({ response }) => response));
    expect(first).toBe(response);
    for (const other of others) expect(other).not.toBe(response);
    expect(others.map((other) => other?.status)).toEqual([204, 204]);
  });

  test('rejects everyone when what has come is no Response that can be handed out', async () => {
    const { land, board } = start();
    const passengers = [board(), board()];
    land({} as never);
    for (const { response } of passengers) await expect(response).rejects.toThrow(TypeError);
  });
});
