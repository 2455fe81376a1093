/** A state machine: a step is possible only from its start state, and therefore only once. */
import { DatabaseSync } from 'node:sqlite';

export type State = 'placed' | 'paid' | 'shipped' | 'cancelled';

/** The start and end state of each step. */
const steps: Readonly<Record<string, { readonly from: State; readonly to: State }>> = {
  pay: { from: 'placed', to: 'paid' },
  ship: { from: 'paid', to: 'shipped' },
  cancel: { from: 'placed', to: 'cancelled' },
};

export interface Orders {
  readonly place: () => number;
  /** `true` if this call has taken the step, `false` if the step was taken before. */
  readonly take: (step: string, order: number) => boolean;
  readonly state: (order: number) => State;
}

export function openOrders(path: string): Orders {
  const db = new DatabaseSync(path, { timeout: 5_000 });
  db.exec(`
    PRAGMA journal_mode = WAL;
    CREATE TABLE IF NOT EXISTS orders (id INTEGER PRIMARY KEY, state TEXT NOT NULL DEFAULT 'placed')
  `);
  const insert = db.prepare('INSERT INTO orders DEFAULT VALUES');
  const move = db.prepare('UPDATE orders SET state = ? WHERE id = ? AND state = ?');
  const find = db.prepare('SELECT state FROM orders WHERE id = ?');
  const state = (order: number): State => find.get(order)?.['state'] as State;

  return {
    place: () => Number(insert.run().lastInsertRowid),
    take(step, order) {
      const { from, to } = steps[step]!;
      if (move.run(to, order, from).changes === 1) return true;
      const now = state(order);
      if (now !== to) throw new Error(`Order ${order} is ${now}: too late to ${step}`);
      return false;
    },
    state,
  };
}
