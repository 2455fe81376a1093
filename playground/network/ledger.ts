/** The server's ledger of orders, over any storage. Every ledger over the same storage has the same content. */
import type { Storage } from 'kyoa';

export interface Payment {
  readonly lane: string;
  readonly order: string;
  /** Requests for the order that reached the server. */
  readonly arrivals: number;
  /** How often it was executed. */
  readonly executions: number;
}

export interface Arrival {
  readonly lane: string;
  readonly order: string;
  /** The Idempotency-Key. An order is executed once per key. */
  readonly key: string | undefined;
  /** Whether the fate of the request lets the server execute it. A request that was executed under its key is not repeated. */
  readonly executed: boolean;
}

export interface Receipt {
  /** How often the order has been executed so far. */
  readonly executions: number;
  /** Whether the order had been executed under this key before. */
  readonly replayed: boolean;
}

export interface Ledger {
  /** Atomic, also across tabs. */
  enter(arrival: Arrival): Promise<Receipt>;
  /** Newest first. */
  list(): Promise<readonly Payment[]>;
  clear(): Promise<void>;
}

interface Line extends Payment {
  /** The keys under which the order was executed. */
  readonly keys: readonly string[];
}

const storageKey = 'ledger';
/** When there are more orders, the oldest is removed. */
const mostOrders = 100;

export function createLedger(storage: Storage): Ledger {
  return {
    async enter(arrival) {
      for (;;) {
        const entry = await storage.get(storageKey);
        const lines = read(entry?.value);
        const before = lines.find(({ lane, order }) => lane === arrival.lane && order === arrival.order);
        const { line, receipt } = post(before, arrival);
        const after = [line, ...lines.filter((other) => other !== before)].slice(0, mostOrders);
        const options = { ifVersion: entry?.version ?? null };
        if ((await storage.set(storageKey, JSON.stringify(after), options)) !== undefined) return receipt;
      }
    },
    async list() {
      const lines = read((await storage.get(storageKey))?.value);
      return lines.map(({ lane, order, arrivals, executions }) => ({ lane, order, arrivals, executions }));
    },
    async clear() {
      await storage.delete(storageKey);
    },
  };
}

function post(before: Line | undefined, { lane, order, key, executed }: Arrival): { line: Line; receipt: Receipt } {
  const { arrivals, executions, keys }: Line = before ?? { lane, order, arrivals: 0, executions: 0, keys: [] };
  const replayed = key !== undefined && keys.includes(key);
  const now = executed && !replayed;
  const line = {
    lane,
    order,
    arrivals: arrivals + 1,
    executions: executions + Number(now),
    keys: now && key !== undefined ? [...keys, key] : keys,
  };
  return { line, receipt: { executions: line.executions, replayed } };
}

function read(text: string | undefined): readonly Line[] {
  return text === undefined ? [] : (JSON.parse(text) as readonly Line[]);
}
