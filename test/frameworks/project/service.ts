/** What a service has once per process, in any framework: a client, a handler, their storage and their numbers. */
import type { Server, ServerResponse } from 'node:http';

import kyoa, {
  CircuitOpenError,
  createHandler,
  fallback,
  flush,
  HTTPError,
  idempotency,
  isNetworkError,
  limit,
  LimitError,
  metrics,
  TimeoutError,
  timeout,
  trace,
} from 'kyoa';
import { file } from 'kyoa/file';
import { undici } from 'kyoa/undici';

export interface Order {
  readonly product: string;
}

export type Service = ReturnType<typeof createService>;

export function createService(catalogUrl: string, database: string) {
  const storage = file(database); // of one machine; redis() if the service runs on several
  const transport = undici({ connections: 100 });
  const numbers = metrics();
  const catalog = kyoa
    .create({ baseUrl: catalogUrl, fetch: transport, storage })
    .extend({ use: (stack) => [numbers, ...stack, trace()] });

  const bulkhead = limit({ concurrency: 100, queue: 100, key: () => 'all' }); // one for all handlers
  const failures = fallback(({ error }) => problem(error), { when: ({ error }) => statusOf(error) !== 500 });

  const orders = createHandler(
    { storage, use: [failures, bulkhead, idempotency(), timeout(10_000)] },
    async (request, ctx) => {
      const order = (await request.json()) as Order;
      const product = await catalog
        .get(`products/${encodeURIComponent(order.product)}`, passedOn(request.headers, ctx.signal))
        .json();
      return Response.json({ id: crypto.randomUUID(), product }, { status: 201 });
    },
  );

  /** Answers each row as it arrives: a stream in, a stream out. */
  const imports = createHandler({ use: [failures, bulkhead, timeout({ idle: 10_000 })] }, (request) => {
    const rows = request.body!.pipeThrough(new TextDecoderStream());
    return new Response(
      rows.pipeThrough(new TransformStream({ transform: importRow })).pipeThrough(new TextEncoderStream()),
    );
  });

  let isReady = true;
  return {
    catalog,
    orders,
    imports,
    /** For the probe of a load balancer. */
    ready: () => isReady,
    numbers: () => ({ ...numbers.snapshot(), handlers: bulkhead.snapshot(), connections: transport.stats() }),
    /** From now on `ready` is false, and the load balancer sends its requests elsewhere. */
    drain: () => void (isReady = false),
    /** For the time after the last response: nothing may use the client any more. */
    async close() {
      await transport.close();
      await flush(storage); // the latest samples of adaptive limits
      await storage.close();
    },
  };
}

/** What a call takes over from the request that it is made for: the client's patience, identity and trace. */
export function passedOn(headers: Headers, signal: AbortSignal) {
  const total = Number(headers.get('x-envoy-expected-rq-timeout-ms')); // ms; 0 without the header
  return {
    signal, // aborts when the client goes away
    ...(total > 0 && { timeout: { total: Math.min(total, 30_000) } }),
    headers: Object.fromEntries(
      // The key of dedupe contains them: two users never share a response.
      ['authorization', 'traceparent', 'tracestate'].flatMap((name) => {
        const value = headers.get(name);
        return value === null ? [] : [[name, value] as const];
      }),
    ),
  };
}

function importRow(row: string, results: TransformStreamDefaultController<string>) {
  if (!row.startsWith('{')) throw new SyntaxError(`This is no row: ${row}`);
  results.enqueue(`imported ${row}`);
}

/** Aborts when the client goes away before its response is complete. */
export function whileConnected(response: ServerResponse): AbortSignal {
  const client = new AbortController();
  response.once('close', () => {
    if (!response.writableFinished) client.abort();
  });
  return client.signal;
}

/** While a server closes: Node closes the connections that are idle now, and not those that become idle. */
export function closeIdleConnections(server: Server): void {
  const timer = setInterval(() => server.closeIdleConnections(), 100);
  server.once('close', () => clearInterval(timer));
}

/** The status that says whose fault it was. A message of the other service is not for the client. */
export function statusOf(error: unknown): number {
  if (error instanceof DOMException && error.name === 'AbortError') return 499; // the client has gone; nginx's number
  if (error instanceof LimitError || error instanceof CircuitOpenError) return 503;
  if (error instanceof TimeoutError) return 504;
  if (error instanceof HTTPError) return error.response.status === 404 ? 404 : 502;
  return isNetworkError(error) ? 502 : 500;
}

export function problem(error: unknown): Response {
  const status = statusOf(error);
  const headers = { 'content-type': 'application/problem+json', ...(status === 503 && { 'retry-after': '1' }) };
  return new Response(JSON.stringify({ status }), { status, headers });
}
