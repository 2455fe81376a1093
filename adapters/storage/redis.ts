/** A storage in Redis 5 or later, through the client that the application has, for processes on many machines. */
import pTimeout from 'p-timeout';

import { decodeText, encodeText } from '../../src/core/engine/storage-text.ts';
import { StorageError } from '../../src/core/errors.ts';
import { duration, invalid, delay, knownKeys } from '../../src/core/options.ts';
import type { Storage } from '../../src/core/storage.ts';
import { hashTag, script, scriptRunner, type RedisClient, type Script } from './redis-scripts.ts';

export type { IoRedis, NodeRedis, RedisClient } from './redis-scripts.ts';
export { shared } from '../limit/redis.ts';
export type { SharedOptions } from '../limit/shared.ts';

/**
 * The options of `redis()`.
 *
 * @see https://github.com/kyoa/kyoa/blob/main/docs/storage.md
 */
export interface RedisOptions {
  /**
   * The prefix of every key, written in braces: `{kyoa:}order-42`. A cluster keeps all keys with the same text in
   * braces on one node, as the version counter of the store requires; stores with different prefixes are spread over the
   * nodes. A prefix that contains braces is used unchanged.
   * @default 'kyoa:'
   */
  readonly prefix?: string | undefined;
  /** A command without a reply for this long, ms, is a `StorageError`: offline clients queue without end. @default 5_000 */
  readonly timeout?: number | undefined;
}

// Reads are a script too: a client may send a plain GET to a replica, which lags behind.
const read = script(`
  local entry = redis.call('HMGET', KEYS[1], 'value', 'version', 'expires')
  if not entry[1] and redis.call('EXISTS', KEYS[1]) == 0 then return false end
  return entry
`);

/** The version of the key, or 'none'. A key that kyoa did not write is left unchanged. */
const find = `
  local found = redis.call('HGET', KEYS[1], 'version') or 'none'
  local isEntry = tonumber(found) and redis.call('HEXISTS', KEYS[1], 'value') == 1
  if not isEntry and redis.call('EXISTS', KEYS[1]) == 1 then return redis.error_reply('FOREIGN key') end
`;

/**
 * ARGV: the value; the ttl or ''; and the version that the key must have, 'none' or 'any'. The new version is the next
 * number, and at least the server's time in us: versions rise even if an eviction or failover loses the counter.
 */
const write = script(`${find}
  if ARGV[3] ~= 'any' and ARGV[3] ~= found then return false end

  local time = redis.call('TIME')
  local now = time[1] * 1000000 + time[2]
  local version = string.format('%.0f', math.max((redis.call('GET', KEYS[2]) or 0) + 1, now))
  redis.call('SET', KEYS[2], version)
  redis.call('DEL', KEYS[1])
  redis.call('HSET', KEYS[1], 'value', ARGV[1], 'version', version)
  if ARGV[2] ~= '' then
    local expires = math.floor(now / 1000 + ARGV[2])
    redis.call('HSET', KEYS[1], 'expires', string.format('%.0f', expires))
    -- Redis still returns a key in the millisecond of its expiry, and has no time beyond 64 bits.
    if expires < 2 ^ 53 then redis.call('PEXPIREAT', KEYS[1], string.format('%.0f', expires - 1)) end
  end
  return version
`);

const remove = script(`${find}
  if found == 'none' or (ARGV[1] ~= 'any' and ARGV[1] ~= found) then return false end
  return redis.call('DEL', KEYS[1])
`);

/**
 * Keeps entries in Redis. Versions and expiry follow the clock of the server. The storage neither connects nor closes
 * the client. After a timeout it is unknown whether the command was executed, or will be. A failover may lose an
 * acknowledged write, because Redis replicates after its reply.
 *
 * @throws {KyoaError} `INVALID_OPTION`
 * @example
 * ```ts
 * import kyoa from 'kyoa';
 * import { redis } from 'kyoa/redis';
 * import { createClient } from 'redis';
 *
 * const client = await createClient().connect();
 * const api = kyoa.create({ storage: redis(client, { prefix: 'shop:' }) });
 * ```
 * @see https://github.com/kyoa/kyoa/blob/main/docs/storage.md
 */
export function redis(client: RedisClient, options: RedisOptions = {}): Storage {
  const execute = scriptRunner(client);
  knownKeys('redis', options, ['prefix', 'timeout']);
  const { prefix = 'kyoa:' } = options;
  if (typeof prefix !== 'string' || !/^[^}]/.test(prefix)) {
    throw invalid('redis prefix', prefix, 'a string that is not empty and does not begin with }');
  }
  const timeout = duration('redis timeout', options.timeout ?? 5_000);

  const tagged = hashTag(prefix);
  const named = (key: string): string => tagged + encodeText(key);
  // No entry has this key: encodeText() never returns a lone quote.
  const counter = `${tagged}"`;
  let closed = false;

  const run = async (script: Script, keys: string[], args: string[] = []): Promise<unknown> => {
    if (closed) throw new StorageError('The redis storage is closed; make a new one with redis()');
    try {
      return await pTimeout(execute(script, keys, args), {
        milliseconds: timeout,
        fallback: () => {
          throw new StorageError(`Redis has not answered within ${timeout} ms; is it up and the client connected?`);
        },
      });
    } catch (cause) {
      throw storageError(cause, keys[0]!);
    }
  };

  return {
    async get(key) {
      const entry = (await run(read, [named(key)])) as (Text | null)[] | null;
      if (entry === null) return undefined;
      const [text, ...numbers] = entry.map((field) => (field === null ? undefined : String(field)));
      const value = decodeText(text);
      const [version = Number.NaN, expires] = numbers.map((field) => (field === undefined ? undefined : Number(field)));
      if (value === undefined || !Number.isSafeInteger(version) || Number.isNaN(expires)) throw foreign(named(key));
      return expires === undefined ? { value, version } : { value, version, expires };
    },
    async set(key, value, { ttl = Infinity, ifVersion } = {}) {
      delay('ttl', ttl);
      const condition = ifVersion === undefined ? 'any' : String(ifVersion ?? 'none');
      const args = [encodeText(value), ttl === Infinity ? '' : String(ttl), condition];
      const version = (await run(write, [named(key), counter], args)) as Text | null;
      return version === null ? undefined : Number(String(version));
    },
    async delete(key, { ifVersion } = {}) {
      return (await run(remove, [named(key)], [String(ifVersion ?? 'any')])) !== null;
    },
    async close() {
      closed = true;
    },
  };
}

/** A client may be configured to return Buffers. */
type Text = string | Buffer;

function foreign(key: string, cause?: unknown): StorageError {
  const message = `The Redis key ${key} is not one that kyoa wrote, and was left unchanged; choose another prefix, or delete it`;
  return new StorageError(message, { cause });
}

function storageError(cause: unknown, key: string): StorageError {
  if (cause instanceof StorageError) return cause;
  const message = cause instanceof Error ? cause.message : String(cause);
  if (/^(FOREIGN|WRONGTYPE)/.test(message)) return foreign(key, cause);
  const full = message.startsWith('OOM') ? 'is full, see its maxmemory' : 'failed';
  return new StorageError(`Redis ${full}: ${message}`, { cause });
}
