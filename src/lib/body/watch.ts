/**
 * The life of a response body after its Response has been handed over. A body outlives the policy that fetched
 * it, so limits, permits and listeners hang on its end; and the Response stays the transport's own, with
 * an overlay that hears of every way to read it.
 */
import { bodyArrivalOf, hasUnopenedBody } from '../../core/engine/transport-protocol.ts';
import { privateState } from '../../core/engine/private-state.ts';
import { noop } from '../noop.ts';
import { shadowPrototype } from './shadow-prototype.ts';

/** What a policy wants to hear. */
export interface BodyWatcher {
  /**
   * Once: read to the end, or come whole where the transport can tell (`complete`); cancelled or failed. At once for a
   * response without a body.
   */
  end(complete: boolean): void;
  /** The reader waits for a chunk; from here on the silence is the server's. */
  wait?(): void;
  /** A chunk has come. Watching chunks puts a stream between transport and reader; the end alone does not. */
  chunk?(bytes: Uint8Array): void;
}

/** One source of bytes; the clones of a response share it. */
interface WatchedBody {
  readonly watchers: BodyWatcher[];
  /** How to fail whoever is reading right now. */
  readonly readers: Set<(error: unknown) => void>;
  /** Responses that may still read: the original and its clones. */
  copies: number;
  chunks: boolean;
  /** How far the copy that is ahead has read, bytes, and whether it waits for more. */
  length: number;
  waiting: boolean;
  /** Whether it was read to its end, once it is over. */
  ended?: boolean;
  failure?: { readonly error: unknown };
}

/** A watched response. */
interface WatchedResponse {
  readonly source: WatchedBody;
  /** The response's own class, which knows how to read it. */
  readonly base: Response;
  /** How to fail our stream. */
  stop?: (error: unknown) => void;
  /** Reads through our stream, once somebody asked for `body` or for chunks. */
  relayed?: Response;
}

type Bytes = Uint8Array<ArrayBuffer>;
type Controller = ReadableStreamDefaultController<Bytes> | ReadableByteStreamController;
type Reader = 'text' | 'json' | 'arrayBuffer' | 'blob' | 'bytes' | 'formData';
const readers: readonly Reader[] = ['text', 'json', 'arrayBuffer', 'blob', 'bytes', 'formData'];

const responses = privateState<WatchedResponse>();

/**
 * Returns how to fail the body: whoever reads it, now or later, is rejected with exactly that error; the
 * transport is told by its signal. Holds on to no Response, so that an abandoned one can be collected.
 */
export function watchBody(response: Response, watcher: BodyWatcher): (error: unknown) => void {
  const coming = watcher.chunk === undefined ? bodyArrivalOf(response) : undefined;
  if (coming !== undefined) {
    coming.onEnd((complete) => watcher.end(complete));
    return (error) => coming.abort(error);
  }
  const known = responses.get(response);
  const body = hasUnopenedBody(response) || (known === undefined ? response.body : own(response, known, 'body'));
  // Whoever has read the body before it was watched has it whole, or never will.
  const ended = body ? (known === undefined ? response.bodyUsed || undefined : known.source.ended) : true;
  if (ended !== undefined) {
    watcher.end(ended);
    return noop;
  }
  const { source } =
    known ?? watch(response, { watchers: [], readers: new Set(), copies: 0, chunks: false, length: 0, waiting: false });
  source.watchers.push(watcher);
  if (watcher.chunk !== undefined) source.chunks = true;
  return (error) => fail(source, error);
}

/** The response without our members, for a reader that goes past them to the platform's own slots. */
export function withoutWatch(response: Response): Response {
  return responses.get(response) === undefined ? response : new Response(response.body, response);
}

/** It has no end to wait for. */
export function isEventStream(response: Response): boolean {
  const coming = bodyArrivalOf(response);
  const type = coming === undefined ? response.headers.get('content-type') : coming.contentType;
  return type?.startsWith('text/event-stream') === true;
}

function watch(response: Response, source: WatchedBody): WatchedResponse {
  const base = Object.getPrototypeOf(response) as Response;
  const state: WatchedResponse = { source, base };
  source.copies += 1;
  responses.set(response, state);
  listen(response);
  return state;
}

const listen = shadowPrototype(members);

function members(base: Response): PropertyDescriptorMap {
  const all: PropertyDescriptorMap = {
    body: {
      get(this: Response) {
        const state = responses.get(this)!;
        const body = own(this, state, 'body');
        // Being read already, past us: our stream would get nothing of it.
        if (body === null || (state.relayed === undefined && (body.locked || own(this, state, 'bodyUsed'))))
          return body;
        return relayed(this, state).body;
      },
    },
    bodyUsed: {
      get(this: Response) {
        const state = responses.get(this)!;
        return state.relayed?.bodyUsed ?? own(this, state, 'bodyUsed');
      },
    },
    clone: {
      value(this: Response) {
        const { source, base, relayed } = responses.get(this)!;
        // It throws, as it should.
        if (relayed?.bodyUsed === true || relayed?.body?.locked === true) return relayed.clone();
        const ours = Object.getPrototypeOf(this) as object;
        // A Response that is written in JavaScript, as happy-dom's, would tee the stream that our `body` gives.
        Object.setPrototypeOf(this, base);
        try {
          const copy = this.clone();
          if (responses.get(copy) === undefined) watch(copy, source);
          return copy;
        } finally {
          Object.setPrototypeOf(this, ours);
        }
      },
    },
  };
  for (const reader of readers) {
    // `bytes` is young; a platform that lacks it goes on lacking it.
    if (reader in base) all[reader] = { value: reading(reader) };
  }
  return all;
}

function reading(name: Reader) {
  return function (this: Response): Promise<unknown> {
    const state = responses.get(this)!;
    const { source, base } = state;
    if (source.failure !== undefined) return Promise.reject(source.failure.error);
    const relays = source.chunks || state.relayed !== undefined;
    const body = relays ? relayed(this, state).body : hasUnopenedBody(this) ? null : own(this, state, 'body');
    const read = (): Promise<unknown> => (relays ? relayed(this, state)[name]() : base[name].call(this));
    if (this.bodyUsed || body?.locked === true) return read(); // the platform's own complaint

    return new Promise((resolve, reject) => {
      source.readers.add(reject); // Chromium makes a TypeError of whatever a stream failed with
      read().then(
        (value) => {
          finish(source, true);
          resolve(value);
        },
        (error: unknown) => {
          finish(source, false);
          reject(error);
        },
      );
    });
  };
}

/** Bytes pass one by one only when asked for, so that back-pressure, cancel and errors pass as well. */
function relayed(response: Response, state: WatchedResponse): Response {
  return (state.relayed ??= new Response(relay(response, state), { headers: response.headers }));
}

function relay(response: Response, state: WatchedResponse): ReadableStream<Bytes> {
  const { source } = state;
  let reader: ReadableStreamDefaultReader<Bytes> | undefined;
  let length = 0;
  // Taken at the first read, so that a clone made before it is still possible.
  const open = (): NonNullable<typeof reader> => (reader ??= own(response, state, 'body')!.getReader());
  const steps = {
    start(controller: Controller) {
      // Named before it is assigned: a function that is written to a property V8 makes in the old space, where it would
      // keep the response and all that hangs on it until a full collection.
      const stop = (error: unknown): void => {
        controller.error(error);
        void open().cancel(error).catch(noop); // for a transport that does not hear its signal
      };
      state.stop = stop;
      if (source.failure !== undefined) stop(source.failure.error);
      else source.readers.add(weakly(state));
    },
    async pull(controller: Controller) {
      const stop = state.stop!;
      source.readers.add(stop);
      if (length === source.length && !source.waiting) {
        source.waiting = true;
        for (const watcher of source.watchers) watcher.wait?.();
      }
      try {
        const { done, value } = await open().read();
        if (source.failure !== undefined) return;
        if (done) {
          controller.close();
          if ('byobRequest' in controller) controller.byobRequest?.respond(0);
          finish(source, true);
        } else {
          length += value.byteLength;
          // What another copy has read before is no news.
          if (length > source.length) {
            source.length = length;
            source.waiting = false;
            for (const watcher of source.watchers) watcher.chunk?.(value);
          }
          controller.enqueue(value);
        }
      } catch (error) {
        if (source.failure !== undefined) return;
        finish(source, false);
        throw error;
      } finally {
        source.readers.delete(stop);
      }
    },
    cancel(reason: unknown) {
      source.copies -= 1;
      if (source.copies === 0) finish(source, false);
      // Not awaited: one branch of a tee stays pending until the other is cancelled, too.
      void open().cancel(reason).catch(noop);
    },
  };
  return isByteStream(own(response, state, 'body')!)
    ? new ReadableStream({ ...steps, type: 'bytes' })
    : new ReadableStream(steps, { highWaterMark: 0 });
}

/** Held while somebody waits for a chunk, else weakly: an abandoned response is to be collected. */
function weakly(state: WatchedResponse): (error: unknown) => void {
  const reference = new WeakRef(state);
  return (error) => reference.deref()?.stop?.(error);
}

/** Readers that bring their own buffer work on the transport's body, so they must on ours. */
function isByteStream(stream: ReadableStream): boolean {
  try {
    stream.getReader({ mode: 'byob' }).releaseLock();
    return true;
  } catch {
    return false;
  }
}

function fail(source: WatchedBody, error: unknown): void {
  if (source.ended !== undefined) return;
  source.failure = { error };
  for (const reject of source.readers) reject(error);
  source.readers.clear();
  finish(source, false);
}

function finish(source: WatchedBody, complete: boolean): void {
  if (source.ended !== undefined) return;
  source.ended = complete;
  source.readers.clear();
  for (const watcher of source.watchers) watcher.end(complete);
  source.watchers.length = 0; // somebody may keep the response, and need not keep the call with it
}

/** The member as the response's own class has it, beneath our prototype. */
function own<Member extends keyof Response>(
  response: Response,
  { base }: WatchedResponse,
  member: Member,
): Response[Member] {
  return Reflect.get(base, member, response);
}
