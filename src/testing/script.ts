/** A fetch that answers by a script and keeps a log: what stands beneath a stack that is tested without a network. */
import { retainSignal, withCallerSignal } from '../lib/signal.ts';
import { checkReply, deliver, type Ending, type Reply } from './reply.ts';
import { route } from './route.ts';

type Step = Reply | Responder;

/** Answers by the request. A Response is handed over as it is. */
type Responder = (request: Request) => Reply | Response | Promise<Reply | Response>;

/** A list is used up in order; what stands alone answers every request. */
export type Replies = Step | readonly Step[];

/** By requests, `'GET /users/*'`; the first that fits is asked. */
export type Routes = Readonly<Record<string, Replies>>;

/** One request that has come. */
export interface Call {
  /** A copy that nobody has read, each time it is asked for. */
  readonly request: Request;
  /** What else its sender gave: `dispatcher`, `priority` and the like. */
  readonly init: Readonly<RequestInit>;
  /** When it came, ms after `script()`. */
  readonly at: number;
  /** `failed`: by its script. `aborted`: by whoever sent it, before it was `complete`. */
  readonly state: 'waiting' | 'answering' | 'complete' | 'failed' | 'aborted';
}

export interface Script {
  /** Hears its signal, reads what is uploaded, and hands out genuine Responses with a `url`. */
  readonly fetch: (input: RequestInfo | URL, init?: RequestInit) => Promise<Response>;
  /** In the order in which they came, those that nobody had a reply for included. */
  readonly calls: readonly Call[];
  /**
   * For the end of a test.
   *
   * @throws {Error} naming the replies that were not asked for, and the requests that nobody had a reply for
   */
  readonly done: () => void;
}

/**
 * A request that no reply is left for rejects with an Error that says so, which `retry` takes for what it is: a mistake
 * in the program. Delays run on `setTimeout`, so fake timers and `virtualTime()` move them.
 *
 * @throws {KyoaError} `INVALID_OPTION`
 */
export function script(replies: Replies | Routes): Script {
  const parts = Object.entries(isRoutes(replies) ? replies : { '*': replies }).map(([name, given]) => ({
    name,
    fits: route(name),
    ...turns(given),
  }));
  const calls: Call[] = [];
  const missing: string[] = [];
  const started = performance.now();

  const answer = async (request: Request, init: RequestInit, signal: AbortSignal): Promise<Response> => {
    const { call, answered, over } = enter(request, init, performance.now() - started);
    calls.push(call);
    signal.addEventListener('abort', () => over('aborted'), { once: true });
    await request.arrayBuffer();
    signal.throwIfAborted();

    const step = parts.find(({ fits }) => fits(request))?.next();
    if (step === undefined) {
      const what = `${request.method} ${request.url}`;
      missing.push(what);
      over('failed');
      throw new Error(`The script has no reply left for ${what}; it has ${parts.map(({ name }) => name).join(', ')}`);
    }
    const said = typeof step === 'function' ? await step(call.request) : step;
    if (said instanceof Response) {
      over('complete');
      return said;
    }
    checkReply(said);
    const response = await deliver(said, request.url, signal, over);
    answered();
    return response;
  };

  return {
    calls,
    async fetch(input, init = {}) {
      const request = new Request(input, init);
      const caller = init.signal ?? (input instanceof Request ? retainSignal(input) : new AbortController().signal);
      return withCallerSignal(caller, ({ signal }) => answer(request, init, signal));
    },
    done() {
      const wrong = parts.filter(({ left }) => left() > 0).map(({ name, left }) => `${left()} left over for ${name}`);
      wrong.push(...missing.map((what) => `none for ${what}`));
      if (wrong.length > 0) throw new Error(`The replies of the script do not match the calls: ${wrong.join(', ')}`);
    },
  };
}

/** No member of a reply is called like a route. */
function isRoutes(replies: Replies | Routes): replies is Routes {
  return typeof replies === 'object' && Object.keys(replies).some((name) => name === '*' || name.includes('/'));
}

interface Turns {
  readonly next: () => Step | undefined;
  /** Replies that must still be asked for. */
  readonly left: () => number;
}

function turns(replies: Replies): Turns {
  const isList = Array.isArray(replies);
  const steps = ((isList ? replies : [replies]) as readonly Step[]).map((step) => {
    if (typeof step !== 'function') checkReply(step);
    return { step, left: (typeof step !== 'function' && step.times) || (isList ? 1 : Infinity) };
  });
  return {
    next() {
      const turn = steps.find(({ left }) => left > 0);
      if (turn !== undefined) turn.left -= 1;
      return turn?.step;
    },
    left: () => steps.reduce((sum, { left }) => (left === Infinity ? sum : sum + left), 0),
  };
}

interface Entry {
  readonly call: Call;
  readonly answered: () => void;
  readonly over: (ending: Ending) => void;
}

function enter(request: Request, init: RequestInit, at: number): Entry {
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
    answered() {
      if (state === 'waiting') state = 'answering';
    },
    over(ending) {
      if (state === 'waiting' || state === 'answering') state = ending;
    },
  };
}
