/** Calls through dedupe, and a server whose responses the test writes. */
import { createFetch, dedupe, type CallOptions } from '../../../src/index.ts';
import { origin, type Exchange, type Origin } from '../../support/origin.ts';

export const fetch = createFetch({ use: [dedupe()] });
export type Init = RequestInit & CallOptions;

/** A server that a test responds for: `next` resolves to the exchange of the next request. */
export interface ManualServer extends AsyncDisposable {
  readonly url: string;
  readonly exchanges: Origin['exchanges'];
  next(): Promise<Exchange>;
}

export async function manualServer(respond: (exchange: Exchange) => void = () => {}): Promise<ManualServer> {
  const arrived: Exchange[] = [];
  const waiting: ((exchange: Exchange) => void)[] = [];
  const server = await origin((exchange) => {
    const waiter = waiting.shift();
    if (waiter) waiter(exchange);
    else arrived.push(exchange);
    respond(exchange);
  });
  const next = async (): Promise<Exchange> =>
    arrived.shift() ?? new Promise<Exchange>((resolve) => waiting.push(resolve));
  return Object.assign(server, { next });
}

/** Concurrent calls. The first one sends the request. */
export function calls(count: number, url: string, init: (n: number) => Init = () => ({})): Promise<Response>[] {
  return Array.from({ length: count }, (_, n) => fetch(url, init(n)));
}

/** The text of a body up to its end or its error. */
export async function readBody(body: ReadableStream<Uint8Array> | null): Promise<{ text: string; error?: unknown }> {
  const decoder = new TextDecoder();
  let text = '';
  try {
    for await (const chunk of body!) text += decoder.decode(chunk, { stream: true });
    return { text };
  } catch (error) {
    return { text, error };
  }
}
