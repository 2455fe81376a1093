/**
 * A server in the page, made with `createHandler`, and one without any policy. Both take the same orders from a client
 * that repeats a POST whose response was lost.
 */
import { createFetch, createHandler, idempotency, limit, LimitError, memory, observe, retry } from 'kyoa';
import type { KyoaEvent } from 'kyoa';

export type ShopName = 'bare' | 'kyoa';

/** A request that has arrived at the server. */
export interface Delivery {
  readonly number: number;
  readonly order: string;
  state: 'running' | 'waiting' | 'executed' | 'replayed' | 'refused';
}

export interface Shop {
  readonly name: ShopName;
  /** Sends an order. Resolves when the client has its response, or has given up. */
  readonly order: (order: string) => Promise<void>;
  /** Newest first; the last fifty. */
  readonly deliveries: () => readonly Delivery[];
  /** How often each order was executed. */
  readonly executions: () => ReadonlyMap<string, number>;
}

/** How long the server works on an order, ms. */
const WORK = 500;
const kept = 50;

/** What the shop's own limit allows. */
export const shopLimit = { concurrency: 2, queue: 4 } as const;

/** `loses` is whether the response to the first request of each order gets lost. */
export function createShop(name: ShopName, loses: () => boolean): Shop {
  const executions = new Map<string, number>();
  const seen = new Set<string>();
  const byCall = new Map<string, Delivery>();
  let deliveries: Delivery[] = [];
  let number = 0;

  const execute = async (request: Request): Promise<Response> => {
    const { order } = (await request.json()) as { readonly order: string };
    await new Promise((resolve) => setTimeout(resolve, WORK));
    executions.set(order, (executions.get(order) ?? 0) + 1);
    return Response.json({ order }, { status: 201 });
  };
  const note = ({ id, type }: KyoaEvent): void => {
    const delivery = byCall.get(id);
    if (delivery === undefined) return;
    if (type === 'limit.queued' || type === 'idempotency.awaited') delivery.state = 'waiting';
    if (type === 'idempotency.replayed') delivery.state = 'replayed';
    if (type === 'limit.rejected') delivery.state = 'refused';
  };
  // The record of a key is made before the limit is asked, so that a repeated order takes no permit.
  const policies = [
    observe(note),
    idempotency({ required: true, conflict: 'wait' }),
    limit({ ...shopLimit, key: () => 'orders' }),
  ];
  const handle = createHandler(
    { use: name === 'kyoa' ? policies : [observe(note)], storage: memory() },
    (request, ctx) => {
      const delivery = byCall.get(ctx.id);
      if (delivery?.state === 'waiting') delivery.state = 'running';
      return execute(request);
    },
  );

  /** The network between the client and the server. */
  async function deliver(input: RequestInfo | URL, init?: RequestInit): Promise<Response> {
    const request = new Request(input, init);
    const order = request.headers.get('idempotency-key')!;
    const delivery: Delivery = { number: (number += 1), order, state: 'running' };
    deliveries = [delivery, ...deliveries].slice(0, kept);
    const id = crypto.randomUUID();
    byCall.set(id, delivery);
    const isFirst = !seen.has(order);
    seen.add(order);
    try {
      const response = await handle.with({ requestId: id })(request);
      if (delivery.state === 'running' || delivery.state === 'waiting') delivery.state = 'executed';
      if (isFirst && loses()) throw new TypeError('Failed to fetch');
      return response;
    } catch (error) {
      if (error instanceof LimitError) return new Response(null, { status: 503, headers: { 'retry-after': '1' } });
      throw error;
    } finally {
      byCall.delete(id);
    }
  }

  const fetch = createFetch({ use: [retry({ retries: 2, methods: ['POST'], budget: false })], fetch: deliver });

  return {
    name,
    deliveries: () => deliveries,
    executions: () => executions,
    async order(order) {
      const init = {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'idempotency-key': order },
        body: JSON.stringify({ order }),
      };
      await fetch('https://shop.example.com/orders', init).catch(() => {}); // the list shows what happened
    },
  };
}
