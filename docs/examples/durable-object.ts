/** A storage on a Durable Object of Cloudflare Workers: one for all places in which a Worker runs. */
import { DurableObject, type DurableObjectNamespace } from 'cloudflare:workers';
import { KyoaError, StorageError, type Entry, type Storage, type Version } from 'kyoa';

interface Verbs {
  read(key: string): Promise<Entry | undefined>;
  write(key: string, value: string, expires: number, ifVersion?: Version | null): Promise<Version | undefined>;
  remove(key: string, ifVersion?: Version): Promise<boolean>;
}

/** The object. Its SQLite is synchronous, so no other call runs between the read and the write of a verb. */
export class Entries extends DurableObject implements Verbs {
  readonly #sql = this.ctx.storage.sql;

  constructor(ctx: DurableObject['ctx'], env: unknown) {
    super(ctx, env);
    this.#sql.exec(`
      CREATE TABLE IF NOT EXISTS entry (key TEXT PRIMARY KEY, value TEXT, version INTEGER, expires REAL);
      CREATE INDEX IF NOT EXISTS expiry ON entry (expires);
      CREATE TABLE IF NOT EXISTS latest (version INTEGER);
      INSERT INTO latest SELECT 0 WHERE NOT EXISTS (SELECT * FROM latest);`);
  }

  async read(key: string): Promise<Entry | undefined> {
    return this.#find(key);
  }

  async write(key: string, value: string, expires: number, ifVersion?: Version | null): Promise<Version | undefined> {
    if (ifVersion !== undefined && (this.#find(key)?.version ?? null) !== ifVersion) return undefined;
    this.#sql.exec('DELETE FROM entry WHERE key IN (SELECT key FROM entry WHERE expires <= ? LIMIT 10)', Date.now());
    // It rises permanently, also when entries are deleted.
    const [latest] = this.#sql.exec('UPDATE latest SET version = version + 1 RETURNING version').toArray();
    const version = Number(latest!['version']);
    this.#sql.exec('INSERT OR REPLACE INTO entry VALUES (?, ?, ?, ?)', toText(key), toText(value), version, expires);
    return version;
  }

  async remove(key: string, ifVersion?: Version): Promise<boolean> {
    const entry = this.#find(key);
    if (entry === undefined || (ifVersion ?? entry.version) !== entry.version) return false;
    this.#sql.exec('DELETE FROM entry WHERE key = ?', toText(key));
    return true;
  }

  #find(key: string): Entry | undefined {
    const live = 'SELECT value, version, expires FROM entry WHERE key = ? AND expires > ?';
    const [row] = this.#sql.exec(live, toText(key), Date.now()).toArray();
    if (row === undefined) return undefined;
    const { value, version, expires } = row as { value: string; version: number; expires: number };
    return { value: JSON.parse(value) as string, version, ...(expires < Infinity && { expires }) };
  }
}

/** SQLite has UTF-8, which cannot represent every text. */
function toText(value: string): string {
  return JSON.stringify(value);
}

/** The storage of all Workers that use the same name. */
export function durableObject(namespace: DurableObjectNamespace<Verbs>, name: string): Storage {
  let closed = false;
  const call = async <T>(verb: (object: Verbs) => Promise<T>): Promise<T> => {
    if (closed) throw new StorageError(`The storage ${name} is closed; open it anew`);
    try {
      return await verb(namespace.get(namespace.idFromName(name))); // a stub belongs to the request that made it
    } catch (cause) {
      throw new StorageError(`The Durable Object ${name} failed: ${String(cause)}`, { cause });
    }
  };

  return {
    get: (key) => call((object) => object.read(key)),
    async set(key, value, { ttl = Infinity, ifVersion } = {}) {
      if (typeof ttl !== 'number' || !(ttl >= 0)) throw new KyoaError('INVALID_OPTION', 'ttl must be 0 ms or more');
      return call((object) => object.write(key, value, Date.now() + ttl, ifVersion));
    },
    delete: (key, { ifVersion } = {}) => call((object) => object.remove(key, ifVersion)),
    async close() {
      closed = true;
    },
  };
}
