/**
 * An app that takes orders, and the server that executes them. One lane keeps the orders that have failed in a list, as most apps
 * do; the other one has an `outbox`. The network and the page of both can go away at any time.
 */
import { createFetch, memory } from 'kyoa';
import { outbox } from 'kyoa/outbox';

export type OrderLane = 'plain' | 'kyoa';

export interface Order {
  readonly id: string;
  /** `lost`: the page that knew of it is gone. */
  state: 'sending' | 'waiting' | 'arrived' | 'lost';
  /** How often the server has executed it. */
  executions: number;
}

/** What became of an order. `unnoticed`: it was executed, and the page that knew of it is gone. */
export type Fate = Order['state'] | 'doubled' | 'unnoticed';

export function fateOf({ state, executions }: Readonly<Order>): Fate {
  if (executions > 1) return 'doubled';
  return state === 'lost' && executions > 0 ? 'unnoticed' : state;
}

export interface OrderApp {
  readonly order: () => void;
  readonly setOnline: (isOnline: boolean) => void;
  /** A new page: what the old one had in its memory is gone. */
  readonly reload: () => void;
  /** Newest first. */
  readonly orders: () => readonly Readonly<Order>[];
}

/** How long a request and a response take, ms. */
const trip = 300;
/** The orders that are kept. */
const kept = 24;

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Sends the order with this id. Resolves to whether its page shows it as arrived. */
type Send = (id: string) => Promise<boolean>;

interface Page {
  readonly send: Send;
  readonly online: () => void;
  readonly close: () => void;
}

export function createOrderApp(lane: OrderLane): OrderApp {
  const orders: Order[] = [];
  const server = createServer((id) => {
    const order = orders.find((order) => order.id === id);
    if (order !== undefined) order.executions += 1;
  });
  const arrived = (id: string): void => {
    const order = orders.find((order) => order.id === id);
    if (order !== undefined) order.state = 'arrived';
  };
  const open = lane === 'plain' ? listKeepingPage(server, arrived) : outboxPage(server, arrived);
  let page = open();
  let count = 0;

  return {
    order() {
      count += 1;
      const order: Order = { id: `order-${count}`, state: 'sending', executions: 0 };
      orders.unshift(order);
      orders.splice(kept);
      const own = page;
      void page.send(order.id).then(
        (isArrived) => {
          if (own === page && order.state === 'sending') order.state = isArrived ? 'arrived' : 'waiting';
        },
        () => (order.state = 'lost'),
      );
    },
    setOnline(isOnline) {
      server.setOnline(isOnline);
      if (isOnline) page.online();
    },
    reload() {
      page.close();
      page = open();
      for (const order of orders) {
        if (lane === 'plain' && order.state !== 'arrived') order.state = 'lost';
        else if (order.state === 'sending') order.state = 'waiting';
      }
    },
    orders: () => orders,
  };
}

/** Orders without a response go to a list, and are sent again when there is a network. */
function listKeepingPage(server: OrderServer, arrived: (id: string) => void): () => Page {
  return () => {
    let failed: string[] = [];
    let isOpen = true;
    const send: Send = async (id) => {
      const status = await server.request(undefined, id).catch(() => undefined);
      if (!isOpen) return false;
      if (status === undefined) failed.push(id);
      else arrived(id);
      return status !== undefined;
    };
    return {
      send,
      online() {
        const ids = failed;
        failed = [];
        for (const id of ids) void send(id);
      },
      close: () => (isOpen = false),
    };
  };
}

/** The storage is there after a reload, as IndexedDB is. */
function outboxPage(server: OrderServer, arrived: (id: string) => void): () => Page {
  const storage = memory();
  const transport = async (url: unknown, init?: RequestInit): Promise<Response> => {
    const { headers } = new Request(url as string, init);
    const key = headers.get('idempotency-key')!;
    return new Response(null, { status: await server.request(key, key) });
  };
  return () => {
    const box = outbox({ backoff: () => 2_000, lease: 1_000 });
    const fetch = createFetch({ storage, use: [box], fetch: transport });
    void (async () => {
      for await (const { id, response } of box.settled()) if (response?.ok === true) arrived(id);
    })();
    return {
      async send(id) {
        const response = await fetch('https://api.flaky.invalid/orders', { method: 'POST', body: id, requestId: id });
        return response.status === 201;
      },
      online: () => void box.flush(),
      close: () => box.close(),
    };
  };
}

interface OrderServer {
  /** Executes a key once; a request without a key each time. Rejects if the network is away before the response. */
  readonly request: (key: string | undefined, id: string) => Promise<number>;
  readonly setOnline: (isOnline: boolean) => void;
}

function createServer(execute: (id: string) => void): OrderServer {
  const executed = new Set<string>();
  let isOnline = true;
  const travel = async (): Promise<void> => {
    if (!isOnline) throw new TypeError('Failed to fetch');
    await pause(trip);
  };
  return {
    async request(key, id) {
      await travel();
      if (key === undefined || !executed.has(key)) execute(id);
      if (key !== undefined) executed.add(key);
      await travel();
      if (!isOnline) throw new TypeError('Failed to fetch');
      return 201;
    },
    setOnline: (value) => (isOnline = value),
  };
}
