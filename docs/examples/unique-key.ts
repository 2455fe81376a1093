/** A unique key: the database refuses the second of two orders with the same key. */
import { DatabaseSync } from 'node:sqlite';

export interface Order {
  readonly id: number;
  readonly item: string;
}

export function openOrders(path: string): { place: (key: string, item: string) => Order; count: () => number } {
  const db = new DatabaseSync(path, { timeout: 5_000 });
  db.exec(`
    PRAGMA journal_mode = WAL;
    CREATE TABLE IF NOT EXISTS orders (id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, item TEXT NOT NULL)
  `);
  const insert = db.prepare('INSERT INTO orders (key, item) VALUES (?, ?) ON CONFLICT (key) DO NOTHING');
  const find = db.prepare('SELECT id, item FROM orders WHERE key = ?');
  const all = db.prepare('SELECT count(*) AS orders FROM orders');

  return {
    place(key, item) {
      insert.run(key, item);
      // The order that this call has inserted, or the earlier one with the same key.
      const { id, item: placed } = find.get(key) as unknown as Order;
      if (placed !== item) throw new Error(`The key ${key} was used for another order`);
      return { id, item };
    },
    count: () => Number(all.get()?.['orders']),
  };
}
