/** What a server has on the orders that it was asked to execute: the same over any storage, shared by whoever opens it. */
import type { Storage } from 'kyoa';

export interface Payment {
  readonly lane: string;
  readonly order: string;
  /** Requests for it that reached the server. */
  readonly arrivals: number;
  /** How often it was executed. */
  readonly executions: number;
}

export interface Arrival {
  readonly lane: string;
  readonly order: string;
  /** The Idempotency-Key: under the same one an order is executed once. */
  readonly key: string | undefined;
  /** Whether the work is done at all, unless it was before. */
  readonly executed: boolean;
}

export interface Receipt {
  /** Of the order, so far. */
  readonly executions: number;
  /** It had been executed under this key before. */
  readonly replayed: boolean;
}

export interface Ledger {
  /** Atomic, also among tabs. */
  enter(arrival: Arrival): Promise<Receipt>;
  /** Newest first. */
  list(): Promise<readonly Payment[]>;
  clear(): Promise<void>;
}

interface Line extends Payment {
  /** Those under which it was executed. */
  readonly keys: readonly string[];
}

const place = 'ledger';
/** The oldest order goes when there are more. */
const mostOrders = 100;

export function createLedger(storage: Storage): Ledger {
  return {
    async enter(arrival) {
      for (;;) {
        const entry = await storage.get(place);
        const lines = read(entry?.value);
        const before = lines.find(({ lane, order }) => lane === arrival.lane && order === arrival.order);
        const { line, receipt } = post(before, arrival);
        const after = [line, ...lines.filter((other) => other !== before)].slice(0, mostOrders);
        const options = { ifVersion: entry?.version ?? null };
        if ((await storage.set(place, JSON.stringify(after), options)) !== undefined) return receipt;
      }
    },
    async list() {
      const lines = read((await storage.get(place))?.value);
      return lines.map(({ lane, order, arrivals, executions }) => ({ lane, order, arrivals, executions }));
    },
    async clear() {
      await storage.delete(place);
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
