/** What `load` measures: kyoa on the fastest transport that is installed, and plain fetch beside it. */
import { sendRequest, type KyoaTransport } from '../../../src/core/engine/transport-protocol.ts';
import { createFetch, type Fetch } from '../../../src/index.ts';
import type { UndiciFetch, UndiciOptions } from '../../transport/undici/undici.ts';
import { failureOf } from './failure.ts';
import type { LoadOptions } from './options.ts';
import { stackOf } from './stack-of.ts';

export interface Contender {
  readonly name: string;
  /** The name of the function that opens connections. */
  readonly transport: string;
  /** Sends a call and reads its body to the end. Resolves with the kind of the failure, if it failed, and never rejects. */
  readonly call: () => Promise<string | undefined>;
  /** The requests that were sent so far, those of retries and copies included. */
  readonly requests: () => number;
  /** Ends the calls in flight and closes the connections. */
  readonly close: () => Promise<void>;
}

/** The first is the one that the thresholds apply to. */
export async function contendersOf(options: LoadOptions): Promise<Contender[]> {
  return [await kyoaContender(options), ...(options.compare ? [plainFetch(options)] : [])];
}

async function kyoaContender(options: LoadOptions): Promise<Contender> {
  const { timeout, connections, policy } = options;
  const undici = await undiciTransport({ headers: timeout, body: timeout, ...(connections && { connections }) });
  const name = policy ? 'kyoa' : 'no policy';
  if (undici === undefined && !policy) return { ...plainFetch(options), name };
  const transport = undici === undefined ? counted(globalThis.fetch) : countedUndici(undici);
  const fetch = policy ? createFetch({ use: stackOf(options), fetch: transport.fetch }) : transport.fetch;
  const stop = new AbortController();
  // The end of the transport ends its calls, so that they need no signal, which costs 15 % of the rate.
  const signal = undici === undefined && { signal: stop.signal };
  const init: RequestInit = { ...initOf(options), ...(options.live && { dedupe: false }), ...signal };
  const outcomeOf = outcomes();
  return {
    name,
    transport: undici === undefined ? 'global fetch' : 'undici()',
    call: () => outcomeOf(fetch(options.url, init)),
    requests: transport.requests,
    async close() {
      stop.abort();
      await undici?.destroy();
    },
  };
}

function plainFetch(options: LoadOptions): Contender {
  const { fetch, requests } = counted(globalThis.fetch);
  const init = initOf(options);
  const outcomeOf = outcomes();
  const running = new Set<AbortController>();
  return {
    name: 'plain fetch',
    transport: 'global fetch',
    requests,
    async call() {
      const controller = new AbortController();
      const late = (): void => controller.abort(new DOMException('The timeout has expired', 'TimeoutError'));
      const timer = setTimeout(late, options.timeout);
      running.add(controller);
      try {
        return await outcomeOf(fetch(options.url, { ...init, signal: controller.signal }));
      } finally {
        clearTimeout(timer);
        running.delete(controller);
      }
    },
    async close() {
      for (const controller of running) controller.abort();
    },
  };
}

type Outcome = (response: Promise<Response>) => Promise<string | undefined>;

/** A body up to this length is read as a whole, which costs least. */
const SHORT = 1_000_000; // bytes

/** Reads each body to the end. The responses of a run are alike, so the first one decides whether they are short. */
function outcomes(): Outcome {
  let isShort = false;
  const read = async ({ body }: Response): Promise<void> => {
    let length = 0;
    if (body !== null) for await (const chunk of body) length += chunk.byteLength;
    isShort = length <= SHORT;
  };
  return async (promise) => {
    try {
      const response = await promise;
      await (isShort ? response.arrayBuffer() : read(response));
      return response.status >= 400 ? `HTTP ${response.status}` : undefined;
    } catch (error) {
      return failureOf(error);
    }
  };
}

function initOf({ method, header, body }: LoadOptions): RequestInit {
  return {
    method,
    headers: header.map(([name, value]): [string, string] => [name, value]),
    ...(body && { body }),
  };
}

interface Counted {
  readonly fetch: Fetch;
  readonly requests: () => number;
}

function counted(fetch: Fetch): Counted {
  let requests = 0;
  return {
    requests: () => requests,
    fetch(input, init) {
      requests += 1;
      return fetch(input, init);
    },
  };
}

/** Keeps what makes a transport of kyoa cheap inside a pipeline. */
function countedUndici(undici: UndiciFetch): Counted {
  const { fetch, requests } = counted(undici);
  let direct = 0;
  const send = (undici as UndiciFetch & KyoaTransport)[sendRequest];
  const protocol: KyoaTransport = {
    [sendRequest](request, source) {
      direct += 1;
      return send(request, source);
    },
  };
  return { fetch: Object.assign(fetch, protocol), requests: () => requests() + direct };
}

/** Nothing where the package undici is not installed. */
async function undiciTransport(options: UndiciOptions): Promise<UndiciFetch | undefined> {
  try {
    await import('undici');
  } catch {
    return undefined;
  }
  const { undici } = await import('../../transport/undici/undici.ts');
  return undici(options);
}
