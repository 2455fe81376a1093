/** A token that is issued in advance and consumed in the transaction that places the order. */
import { randomUUID } from 'node:crypto';
import { DatabaseSync } from 'node:sqlite';

export interface Checkout {
  /** A new token for a hidden field of the form. */
  readonly begin: () => string;
  /** Whether the order was placed. It is not placed with a token that was used or never issued. */
  readonly submit: (token: string, item: string) => boolean;
  readonly count: () => number;
}

export function openCheckout(path: string): Checkout {
  const db = new DatabaseSync(path, { timeout: 5_000 });
  db.exec(`
    PRAGMA journal_mode = WAL;
    CREATE TABLE IF NOT EXISTS token (token TEXT PRIMARY KEY);
    CREATE TABLE IF NOT EXISTS orders (id INTEGER PRIMARY KEY, item TEXT NOT NULL)
  `);
  const handOut = db.prepare('INSERT INTO token (token) VALUES (?)');
  const consume = db.prepare('DELETE FROM token WHERE token = ?');
  const insert = db.prepare('INSERT INTO orders (item) VALUES (?)');
  const all = db.prepare('SELECT count(*) AS orders FROM orders');

  return {
    begin() {
      const token = randomUUID();
      handOut.run(token);
      return token;
    },
    submit(token, item) {
      db.exec('BEGIN IMMEDIATE');
      try {
        const isGood = consume.run(token).changes === 1;
        if (isGood) insert.run(item);
        db.exec('COMMIT');
        return isGood;
      } catch (error) {
        db.exec('ROLLBACK'); // the token is valid again
        throw error;
      }
    },
    count: () => Number(all.get()?.['orders']),
  };
}
