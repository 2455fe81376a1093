/** Runs a stack of policies over a stubbed transport: for what needs no wire. */
import { createFetch, observe, type Fetch, type KyoaEvent, type KyoaFetch, type Middleware } from '../../src/index.ts';

export interface Stub {
  readonly fetch: KyoaFetch;
  /** What the transport was handed, in order. */
  readonly sent: readonly Request[];
  readonly signals: readonly AbortSignal[];
  readonly events: readonly KyoaEvent[];
  /** The types of the events, in order. */
  readonly types: () => string[];
}

/** `answer` is called for every attempt, with its number. */
export function stub(use: readonly Middleware[], answer: (attempt: number) => Response | Promise<Response>): Stub {
  const sent: Request[] = [];
  const signals: AbortSignal[] = [];
  const transport: Fetch = async (input, init) => {
    sent.push(input as Request);
    signals.push(init!.signal!);
    return answer(sent.length);
  };
  const { fetch, events } = watched(use, transport);
  return { fetch, sent, signals, events, types: () => events.map(({ type }) => type) };
}

/** A fetch whose events are collected. */
export function watched(use: readonly Middleware[], transport?: Fetch): { fetch: KyoaFetch; events: KyoaEvent[] } {
  const events: KyoaEvent[] = [];
  const fetch = createFetch({
    use: [observe((event) => events.push(event)), ...use],
    ...(transport && { fetch: transport }),
  });
  return { fetch, events };
}

/** A transport that never answers and hears its signal. */
export const silent: Fetch = (_input, init) =>
  new Promise((_resolve, reject) => {
    init!.signal!.addEventListener('abort', () => reject(init!.signal!.reason), { once: true });
  });

/** A transport that never answers and hears nothing. */
export const deaf: Fetch = () => new Promise(() => {});
