/**
 * Notifies policies when the body of a response has ended. A body outlives the policy that fetched it, so limits,
 * permits and listeners last until its end. The Response stays the transport's own object: members of ours are placed
 * between the object and its class, and each way to read the body goes through them.
 *
 * | state of the body                  | `WatchedBody`, shared by all clones      | `WatchedResponse`, one per clone |
 * | ---------------------------------- | ---------------------------------------- | -------------------------------- |
 * | unread                             | `watchers`: one per policy; `copies`: 1  | `body`                           |
 * | being read by `text()` etc.        | `readers`: one per read                  |                                  |
 * | being read as a stream, or in      | `readers`: one per relay; `length`,      | `relayed`                        |
 * | any way while chunks are watched   | `waiting`: of the clone that is ahead    |                                  |
 * | cloned                             | `copies`: one more                       | one more, with the same `body`   |
 * | cancelled                          | `copies`: one less; `ended`: false at 0  |                                  |
 * | read to its end                    | `ended`: true                            |                                  |
 * | dropped: no copy can be read       | `ended`: false                           | `unread` was collected           |
 * | broken off, and there is a         | `inside`: 0, as these policies have seen | `relayed`                        |
 * | `continuation`                     | the end                                  |                                  |
 * | failed by the transport            | `ended`: false                           |                                  |
 * | failed by a policy                 | `failure`; `ended`: false                |                                  |
 *
 * Setting `ended` notifies every watcher and empties `watchers` and `readers`. After a `failure` each read rejects with
 * its error.
 */
import { bodyArrival, type Arriving, type BodyContinuation } from '../../core/engine/transport-protocol.ts';
import { privateState, shadowPrototype } from '../../core/engine/private-state.ts';
import { noop } from '../noop.ts';
import { relay } from './relay.ts';
import { streamResponse } from './synthetic-response.ts';
import type { Bytes } from './streams.ts';
import {
  breakBody,
  checkLength,
  endBody,
  failBody,
  failInside,
  newBody,
  unreadBodies,
  type BodyWatcher,
  type WatchedBody,
} from './watched-body.ts';

export type { BodyWatcher };

interface WatchedResponse {
  readonly body: WatchedBody;
  /** Held by the responses and streams that may still read the body, and by nothing else. Timers and signals hold `body`. */
  readonly unread: WeakKey;
  /** A Response whose body is our relay. All reads go through it once it exists. */
  relayed: Response | undefined;
}

type Method = 'text' | 'json' | 'arrayBuffer' | 'blob' | 'bytes' | 'formData';
const methods: readonly Method[] = ['text', 'json', 'arrayBuffer', 'blob', 'bytes', 'formData'];

const responses = privateState<WatchedResponse>();

/**
 * Returns a function that fails the body: each read, pending or later, rejects with exactly the given error. The request
 * is aborted by its signal, not by that function. The function holds no Response, so an abandoned one can be collected.
 */
export function watchBody(response: Response, watcher: BodyWatcher): (error: unknown) => void {
  const arrival = (response as Arriving)[bodyArrival];
  const known = responses.get(response);
  if (arrival !== undefined && watcher.chunk === undefined && known?.body.continuation === undefined) {
    // A reaction of a promise runs in the async context of this call, and the listener in that of a socket.
    void new Promise<boolean>((resolve) => arrival.onEnd(resolve, watcher.signal)).then((complete) =>
      watcher.end(complete),
    );
    const isOutside = arrival.isContinued;
    return (error) => arrival.abort(error, !isOutside);
  }
  const ended = endOf(response, known);
  if (ended !== undefined) {
    watcher.end(ended);
    return noop;
  }
  const { body, unread } = known ?? watch(response);
  body.watchers.push(watcher);
  if (watcher.endsUnread === true) unreadBodies.register(unread, body, body);
  if (watcher.chunk !== undefined) body.hasChunkWatcher = true;
  if (arrival?.isContinued === true) arrival.onContinued(() => watcher.wait?.());
  const isOutside = body.continuation !== undefined;
  return (error) => (isOutside ? failBody : failInside)(body, error);
}

/**
 * Lets the body go on after a break. For the policies that watch the body already, a break is the end; those that watch it
 * from now on see the end of the whole. A body that cannot break off, or has a continuation, is left as it is.
 */
export function continueBody(response: Response, create: () => BodyContinuation): void {
  const arrival = (response as Arriving)[bodyArrival];
  const known = responses.get(response);
  if (arrival !== undefined && known === undefined) return arrival.continueWith(create);
  if (endOf(response, known) !== undefined) return;
  const { body } = known ?? watch(response);
  if (body.continuation !== undefined) return;
  body.continuation = create();
  body.inside = body.watchers.length;
}

/** The end of a body that was read before it is watched cannot be observed: it counts as complete. */
function endOf(response: Response, known: WatchedResponse | undefined): boolean | undefined {
  return known === undefined ? (!response.body || response.bodyUsed ? true : undefined) : known.body.ended;
}

/** A body of fewer bytes fails: each read of it rejects. */
export function expectLength(response: Response, length: number): void {
  if (!response.body || response.bodyUsed) return;
  watch(response).body.announced = length;
}

/** The same response without our members, for a platform that reads the body from its internal slots. */
export function withoutWatch(response: Response): Response {
  return responses.get(response) === undefined ? response : streamResponse(response.body, response);
}

/** An event stream has no end to wait for. */
export function isEventStream(response: Response): boolean {
  const arrival = (response as Arriving)[bodyArrival];
  const type = arrival === undefined ? response.headers.get('content-type') : arrival.contentType;
  return type?.startsWith('text/event-stream') === true;
}

function watch(response: Response, body: WatchedBody = newBody(), unread: WeakKey = {}): WatchedResponse {
  const state: WatchedResponse = { body, unread, relayed: undefined };
  body.copies += 1;
  responses.set(response, state);
  shadow(response);
  return state;
}

const shadow = shadowPrototype((base: Response): PropertyDescriptorMap => {
  const members: PropertyDescriptorMap = {
    body: {
      get(this: Response) {
        const state = responses.get(this)!;
        const body = Reflect.get(base, 'body', this)!;
        // A relay would get no bytes of a body that is already being read without one.
        const isRead = state.relayed === undefined && (body.locked || Reflect.get(base, 'bodyUsed', this));
        return isRead ? body : relayed(this, state, base).body;
      },
    },
    bodyUsed: {
      get(this: Response) {
        return responses.get(this)!.relayed?.bodyUsed ?? Reflect.get(base, 'bodyUsed', this);
      },
    },
    clone: {
      value(this: Response) {
        const { body, unread, relayed } = responses.get(this)!;
        if (relayed?.body?.locked === true) return relayed.clone(); // throws
        const shadowed = Object.getPrototypeOf(this) as object;
        // A Response that is written in JavaScript, like happy-dom's, would otherwise tee the relay.
        Object.setPrototypeOf(this, base);
        try {
          const copy = this.clone();
          watch(copy, body, unread);
          return copy;
        } finally {
          Object.setPrototypeOf(this, shadowed);
        }
      },
    },
  };
  for (const method of methods) {
    if (method in base) members[method] = { value: reading(method, base) }; // `bytes` is missing on older platforms
  }
  return members;
});

function reading(method: Method, base: Response) {
  return function (this: Response): Promise<unknown> {
    const state = responses.get(this)!;
    const { body } = state;
    if (body.failure !== undefined) return Promise.reject(body.failure.error);
    const ours = body.hasChunkWatcher || state.relayed !== undefined ? relayed(this, state, base) : undefined;
    const [members, response] = ours === undefined ? [base, this] : [ours, ours];
    const isRead = Reflect.get(members, 'bodyUsed', response) || Reflect.get(members, 'body', response)!.locked;
    if (isRead) return members[method].call(response); // rejects with the platform's own error
    const isCounted = ours === undefined && body.announced > 0;
    const read = isCounted ? readCounted(method, response, state, base) : members[method].call(response);

    unreadBodies.unregister(body); // now the read ends it
    if (ours === undefined) for (const watcher of body.watchers) watcher.wait?.();
    return new Promise((resolve, reject) => {
      let isAgain = ours !== undefined; // a relay continues by itself
      const settle = (read: Promise<unknown>, isLast: boolean): void => {
        read.then(
          (value) => {
            if (isAgain && !isLast) return;
            endBody(body, true);
            resolve(value);
          },
          (error: unknown) => {
            if (isAgain && !isLast) return;
            if (!isAgain && body.continuation?.isBreak(error) === true) return readAgain(error);
            endBody(body, false);
            reject(error);
          },
        );
      };
      /** The platform does not show what it has read of a body that breaks off: the body is read again, by a relay. */
      const readAgain = (error: unknown): void => {
        isAgain = true;
        breakBody(body);
        settle(relayed(this, state, base, { error })[method](), true);
      };
      // Not through the stream: Chromium turns the error of a stream into a TypeError.
      body.readers.push((error, isBreak) => {
        if (!isBreak) reject(error);
        else if (!isAgain) readAgain(error);
      });
      settle(read, isAgain);
    });
  };
}

/** Text and JSON do not show how many bytes they were. */
async function readCounted(method: Method, response: Response, { body }: WatchedResponse, base: Response) {
  const bytes = await base.arrayBuffer.call(response);
  checkLength(body, bytes.byteLength);
  if (method === 'text') return utf8.decode(bytes);
  if (method === 'json') return JSON.parse(utf8.decode(bytes)) as unknown;
  return new Response(bytes, { headers: response.headers })[method]() as Promise<unknown>;
}
const utf8 = /* @__PURE__ */ new TextDecoder();

function relayed(
  response: Response,
  state: WatchedResponse,
  base: Response,
  failure?: { readonly error: unknown },
): Response {
  const source = (): ReadableStream<Bytes> => Reflect.get(base, 'body', response)!;
  return (state.relayed ??= streamResponse(relay(state.body, source, failure), { headers: response.headers }));
}
