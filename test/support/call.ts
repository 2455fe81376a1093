/** Stacks of policies over a stubbed transport, for tests that need no server. */
import { createFetch, observe, type Fetch, type KyoaEvent, type KyoaFetch, type Middleware } from '../../src/index.ts';

export interface Stub {
  readonly fetch: KyoaFetch;
  /** The requests that the transport received, in order. */
  readonly sent: readonly Request[];
  readonly signals: readonly AbortSignal[];
  readonly events: readonly KyoaEvent[];
  /** The types of the events so far, in order. */
  readonly types: () => string[];
}

/** A fetch over a transport that calls `respond` with the number of each request, from 1 on. */
export function stub(use: readonly Middleware[], respond: (attempt: number) => Response | Promise<Response>): Stub {
  const sent: Request[] = [];
  const signals: AbortSignal[] = [];
  const transport: Fetch = async (input, init) => {
    sent.push(new Request(input, init));
    signals.push(init!.signal!);
    return respond(sent.length);
  };
  const { fetch, events } = watched(use, transport);
  return { fetch, sent, signals, events, types: () => events.map(({ type }) => type) };
}

/** A fetch that collects its events. */
export function watched(use: readonly Middleware[], transport?: Fetch): { fetch: KyoaFetch; events: KyoaEvent[] } {
  const events: KyoaEvent[] = [];
  const fetch = createFetch({
    use: [observe((event) => events.push(event)), ...use],
    ...(transport && { fetch: transport }),
  });
  return { fetch, events };
}

/** A transport that never responds, and rejects when its signal aborts. */
export const silent: Fetch = (_input, init) =>
  new Promise((_resolve, reject) => {
    init!.signal!.addEventListener('abort', () => reject(init!.signal!.reason), { once: true });
  });

/** A transport that never responds and ignores its signal. */
export const deaf: Fetch = () => new Promise(() => {});
