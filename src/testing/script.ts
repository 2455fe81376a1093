/** A fetch that replies from a script and logs its requests: the transport of a test without a network. */
import type { RequestInfo } from '../core/engine/fetch-types.ts';
import { retainSignal, withCallerSignal } from '../lib/caller-signal.ts';
import { checkReply, deliver, type Ending, type Reply } from './reply.ts';
import { route } from './route-pattern.ts';

type Step = Reply | Responder;

/** Computes the reply from the request. A Response is returned unchanged. */
type Responder = (request: Request) => Reply | Response | Promise<Reply | Response>;

/**
 * The replies of a script, or of one of its routes. A list is used in order, each reply once or `times`. A single reply
 * is given to every request.
 *
 * @see https://github.com/kyoa/kyoa/blob/main/docs/testing.md#scriptreplies
 */
export type Replies = Step | readonly Step[];

/**
 * Replies for routes like `'GET /users/*'`. The first route that matches gives the reply.
 *
 * @see https://github.com/kyoa/kyoa/blob/main/docs/testing.md#scriptreplies
 */
export type Routes = Readonly<Record<string, Replies>>;

/**
 * One request that was received.
 *
 * @see https://github.com/kyoa/kyoa/blob/main/docs/testing.md#scriptreplies
 */
export interface Call {
  /** A new, unread copy on each access. */
  readonly request: Request;
  /** The init that the caller passed: `dispatcher`, `priority` and the like. */
  readonly init: Readonly<RequestInit>;
  /** When the request was received, ms after `script()`. */
  readonly at: number;
  /** `failed`: the script has a fault, or no reply. `aborted`: the caller aborted, or cancelled the body. */
  readonly state: 'waiting' | 'answering' | 'complete' | 'failed' | 'aborted';
}

/**
 * A fetch that `script()` has made, with the log of its requests.
 *
 * @see https://github.com/kyoa/kyoa/blob/main/docs/testing.md#scriptreplies
 */
export interface Script {
  /** Obeys its signal, reads the request body, and returns genuine Responses with a `url`. */
  readonly fetch: (input: RequestInfo | URL, init?: RequestInit) => Promise<Response>;
  /** All requests in the order of their arrival, including those without a reply. */
  readonly calls: readonly Call[];
  /**
   * Checks, at the end of a test, that the requests have used exactly the replies of the script.
   *
   * @throws {Error} names the unused replies, and the requests without a reply
   */
  readonly done: () => void;
}

/**
 * A fetch that replies from a script. A request without a reply left rejects with an Error, which `retry` does not retry.
 * Delays use `setTimeout`, so that fake timers and `virtualTime()` control them.
 *
 * @throws {KyoaError} `INVALID_OPTION`
 * @example
 * ```ts
 * import kyoa from 'kyoa';
 * import { script } from 'kyoa/testing';
 *
 * const server = script([{ status: 503 }, { json: ['Ada'] }]);
 * const api = kyoa.create({ fetch: server.fetch });
 * await api.get('https://api.example.com/users').json();
 * server.done();
 * ```
 * @see https://github.com/kyoa/kyoa/blob/main/docs/testing.md#scriptreplies
 */
export function script(replies: Replies | Routes): Script {
  const routes = Object.entries(isRoutes(replies) ? replies : { '*': replies }).map(([name, given]) => ({
    name,
    matches: route(name),
    ...replyQueue(given),
  }));
  const calls: Call[] = [];
  const missing: string[] = [];
  const started = performance.now();

  const respond = async (request: Request, init: RequestInit, signal: AbortSignal): Promise<Response> => {
    const { call, answering, ended } = newCall(request, init, performance.now() - started);
    calls.push(call);
    signal.addEventListener('abort', () => ended('aborted'), { once: true });
    await request.arrayBuffer();
    signal.throwIfAborted();

    const step = routes.find(({ matches }) => matches(request))?.next();
    if (step === undefined) {
      const what = `${request.method} ${request.url}`;
      missing.push(what);
      ended('failed');
      const names = routes.map(({ name }) => name).join(', ');
      throw new Error(`The script has no reply left for ${what}; its routes are ${names}`);
    }
    const reply = typeof step === 'function' ? await step(call.request) : step;
    if (reply instanceof Response) {
      ended('complete');
      return reply;
    }
    checkReply(reply);
    const response = await deliver(reply, request.url, signal, ended);
    answering();
    return response;
  };

  return {
    calls,
    async fetch(input, init = {}) {
      const request = new Request(input, init);
      const caller = init.signal ?? (input instanceof Request ? retainSignal(input) : new AbortController().signal);
      return withCallerSignal(caller, ({ signal }) => respond(request, init, signal));
    },
    done() {
      const problems = routes
        .filter(({ left }) => left() > 0)
        .map(({ name, left }) => `${left()} left over for ${name}`);
      problems.push(...missing.map((what) => `none for ${what}`));
      if (problems.length > 0)
        throw new Error(`The replies of the script do not match the calls: ${problems.join(', ')}`);
    },
  };
}

/** The name of a route is `*` or contains a slash; no member of a reply is named like that. */
function isRoutes(replies: Replies | Routes): replies is Routes {
  return typeof replies === 'object' && Object.keys(replies).some((name) => name === '*' || name.includes('/'));
}

interface ReplyQueue {
  readonly next: () => Step | undefined;
  /** The number of replies that must still be used. */
  readonly left: () => number;
}

function replyQueue(replies: Replies): ReplyQueue {
  const isList = Array.isArray(replies);
  const steps = ((isList ? replies : [replies]) as readonly Step[]).map((step) => {
    if (typeof step !== 'function') checkReply(step);
    return { step, left: (typeof step !== 'function' && step.times) || (isList ? 1 : Infinity) };
  });
  return {
    next() {
      const first = steps.find(({ left }) => left > 0);
      if (first !== undefined) first.left -= 1;
      return first?.step;
    },
    left: () => steps.reduce((sum, { left }) => (left === Infinity ? sum : sum + left), 0),
  };
}

interface NewCall {
  readonly call: Call;
  /** Sets the state after the headers. */
  readonly answering: () => void;
  /** Sets the final state, once. */
  readonly ended: (ending: Ending) => void;
}

function newCall(request: Request, init: RequestInit, at: number): NewCall {
  const unread = request.clone();
  let state: Call['state'] = 'waiting';
  return {
    call: {
      init,
      at,
      get request() {
        return unread.clone();
      },
      get state() {
        return state;
      },
    },
    answering() {
      if (state === 'waiting') state = 'answering';
    },
    ended(ending) {
      if (state === 'waiting' || state === 'answering') state = ending;
    },
  };
}
