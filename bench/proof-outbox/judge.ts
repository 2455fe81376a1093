/** Compares the responses of callers with the ledger of the server. */
import type { Execution, Order } from './ledger.ts';
import type { Note } from './worker.ts';

export interface Judgement {
  /** Calls that resolved with a 201, and with a 202. */
  readonly sent: number;
  readonly kept: number;
  /** Calls that a killed process made, or that got a refusal or an error: the order may be absent. */
  readonly open: number;
  /** Without a response, and yet written down. */
  readonly listed: number;
  readonly faults: readonly string[];
}

/** `seen`: the ids that were on the list of those that wait. */
export function judge(executions: readonly Execution[], notes: readonly Note[], seen: ReadonlySet<string>): Judgement {
  const faults: string[] = [];
  const outcomes = new Map<string, Note>();
  for (const note of notes) outcomes.set(note.id, note); // the last line of an id is its outcome

  const numbers = new Map<string, number>();
  for (const [n, { key, order }] of executions.entries()) {
    const id = idOf(order);
    if (key !== id) faults.push(`${id} came with the key ${key}`);
    if (numbers.has(id)) faults.push(`${id} was executed twice`);
    if (!outcomes.has(id)) faults.push(`${id} was executed, and not made in this round`);
    numbers.set(id, n);
  }

  const count = { sent: 0, kept: 0, open: 0, listed: 0 };
  for (const [id, { status, n, error }] of outcomes) {
    const wasLost = !numbers.has(id);
    if (error !== undefined && error !== 'StorageError') faults.push(`${id} ended with ${error}`);
    if (status === 201 || status === 202) {
      count[status === 201 ? 'sent' : 'kept'] += 1;
      if (wasLost) faults.push(`${id} got a ${status} and was lost`);
      if (n !== undefined && n !== numbers.get(id)) faults.push(`${id} got the response of another order`);
    } else if (status === undefined && error === undefined && seen.has(id)) {
      count.listed += 1;
      if (wasLost) faults.push(`${id} was written down and lost`);
    } else count.open += 1;
  }
  return { ...count, faults: [...faults, ...outOfOrder(executions)] };
}

export function outOfOrder(executions: readonly Execution[]): string[] {
  const last = new Map<string, number>();
  return executions.flatMap(({ order }) => {
    const lane = `${order.from}-${order.lane}`;
    const before = last.get(lane) ?? 0;
    last.set(lane, order.n);
    return order.n > before ? [] : [`${idOf(order)} was executed after ${before}`];
  });
}

export function idOf({ from, lane, n }: Order): string {
  return `${from}-${lane}-${n}`;
}
