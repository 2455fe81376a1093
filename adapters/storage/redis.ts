/** Keeps state in Redis 5 or later, through the client that the application has: many machines. */
import { createHash } from 'node:crypto';

import pTimeout from 'p-timeout';

import { KyoaError, StorageError } from '../../src/core/errors.ts';
import { duration, invalid, delay, knownKeys } from '../../src/core/options.ts';
import type { Storage } from '../../src/core/storage.ts';

/** What is used of node-redis 5 and later: a client, a pool, a cluster or a sentinel. */
export interface NodeRedis {
  eval(script: string, options: { keys: string[]; arguments: string[] }): Promise<unknown>;
  evalSha(sha: string, options: { keys: string[]; arguments: string[] }): Promise<unknown>;
}

/** What is used of ioredis 5 and later: a client or a cluster. */
export interface IoRedis {
  eval(script: string, keys: number, ...args: string[]): Promise<unknown>;
  evalsha(sha: string, keys: number, ...args: string[]): Promise<unknown>;
}

export type RedisClient = NodeRedis | IoRedis;

export interface RedisOptions {
  /**
   * What the keys begin with, in braces: `{kyoa:}order-42`. A cluster keeps all keys with the same text in braces
   * on one node, which the version counter of the store demands; stores with different prefixes spread. A prefix
   * that has braces of its own is taken as it is.
   * @default 'kyoa:'
   */
  readonly prefix?: string;
  /** A command unanswered for so long is a `StorageError`: the clients queue for ever while offline. ms. @default 5_000 */
  readonly timeout?: number;
}

interface Script {
  readonly source: string;
  readonly sha: string;
}

// Also the reading one is a script: clients may send a plain GET to a replica, which lags behind.
const read = script(`
  local entry = redis.call('HMGET', KEYS[1], 'value', 'version', 'expires')
  if not entry[1] then return false end
  return entry
`);

/**
 * ARGV: value, ttl or '', and 'any', 'none' or the version that must be there. A version is the next number, and at
 * least the server's time in us: should the counter get lost, by eviction or failover, versions rise all the same.
 */
const write = script(`
  local found = redis.call('HGET', KEYS[1], 'version') or 'none'
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
    -- Redis still has a key in the very millisecond of its expiry, and knows no time beyond 64 bits.
    if expires < 2 ^ 53 then redis.call('PEXPIREAT', KEYS[1], string.format('%.0f', expires - 1)) end
  end
  return version
`);

const remove = script(`
  local found = redis.call('HGET', KEYS[1], 'version')
  if not found or (ARGV[1] ~= 'any' and ARGV[1] ~= found) then return false end
  return redis.call('DEL', KEYS[1])
`);

/**
 * Versions and expiry go by the clock of the server. The client stays the caller's: it is neither connected nor
 * closed here. After a timeout it is unknown whether the command was, or will be, executed. A failover may lose an
 * acknowledged write, as Redis replicates after it has answered.
 *
 * @throws {KyoaError} `INVALID_OPTION`
 */
export function redis(client: RedisClient, options: RedisOptions = {}): Storage {
  const send = sender(client);
  knownKeys('redis', options, ['prefix', 'timeout']);
  const { prefix = 'kyoa:' } = options;
  if (typeof prefix !== 'string' || !/^[^}]/.test(prefix)) {
    throw invalid('redis prefix', prefix, 'a text, not empty, that does not begin with }');
  }
  const timeout = duration('redis timeout', options.timeout ?? 5_000);

  // What counts for a cluster is the first { and the first } after it, with something in between.
  const tagged = /^[^{]*\{[^}]+\}/.test(prefix) ? prefix : `{${prefix}}`;
  const named = (key: string): string => tagged + encode(key);
  // What encode() gives never is a lone quote.
  const counter = `${tagged}"`;
  let closed = false;

  const run = async (script: Script, keys: string[], args: string[] = []): Promise<unknown> => {
    if (closed) throw new StorageError('The redis storage is closed; make a new one with redis()');
    try {
      return await pTimeout(send(script, keys, args), {
        milliseconds: timeout,
        fallback: () => {
          throw new StorageError(`Redis has not answered within ${timeout} ms; is it up and the client connected?`);
        },
      });
    } catch (cause) {
      throw explain(cause);
    }
  };

  return {
    async get(key) {
      const entry = (await run(read, [named(key)])) as [Text, Text, Text | null] | null;
      if (entry === null) return undefined;
      const value = decode(String(entry[0]));
      const version = Number(String(entry[1]));
      return entry[2] === null ? { value, version } : { value, version, expires: Number(String(entry[2])) };
    },
    async set(key, value, { ttl = Infinity, ifVersion } = {}) {
      delay('ttl', ttl);
      const condition = ifVersion === undefined ? 'any' : String(ifVersion ?? 'none');
      const args = [encode(value), ttl === Infinity ? '' : String(ttl), condition];
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

/** A client may be set to give texts as Buffers. */
type Text = string | Buffer;

type Send = (script: Script, keys: string[], args: string[]) => Promise<unknown>;

/** By hash, which is short; a server that does not know the script, as after a restart, gets the whole once. */
function sender(client: RedisClient): Send {
  const byHash = commands(client);
  return async (script, keys, args) => {
    try {
      return await byHash.evalSha(script.sha, keys, args);
    } catch (error) {
      if (!(error instanceof Error && error.message.startsWith('NOSCRIPT'))) throw error;
      return byHash.eval(script.source, keys, args);
    }
  };
}

type Command = (script: string, keys: string[], args: string[]) => Promise<unknown>;

function commands(client: RedisClient): { readonly eval: Command; readonly evalSha: Command } {
  const has = (name: string): boolean =>
    typeof (client as unknown as Partial<Record<string, unknown>> | null)?.[name] === 'function';
  if (has('eval') && has('evalSha')) {
    const node = client as NodeRedis;
    return {
      eval: (source, keys, args) => node.eval(source, { keys, arguments: args }),
      evalSha: (sha, keys, args) => node.evalSha(sha, { keys, arguments: args }),
    };
  }
  if (has('eval') && has('evalsha')) {
    const io = client as IoRedis;
    return {
      eval: (source, keys, args) => io.eval(source, keys.length, ...keys, ...args),
      evalSha: (sha, keys, args) => io.evalsha(sha, keys.length, ...keys, ...args),
    };
  }
  // Without what was given instead: that may hold a password.
  throw new KyoaError('INVALID_OPTION', 'redis client must be a client of node-redis 5 or ioredis 5, or later');
}

function script(source: string): Script {
  return { source, sha: createHash('sha1').update(source).digest('hex') };
}

/**
 * The clients send UTF-8, which has no lone surrogates: a text with one is sent as JSON, and so is one that could be
 * taken for it.
 */
function encode(text: string): string {
  return text.startsWith('"') || /\p{Surrogate}/u.test(text) ? JSON.stringify(text) : text;
}

function decode(stored: string): string {
  return stored.startsWith('"') ? (JSON.parse(stored) as string) : stored;
}

function explain(cause: unknown): StorageError {
  if (cause instanceof StorageError) return cause;
  const message = cause instanceof Error ? cause.message : String(cause);
  const full = message.startsWith('OOM') ? 'is full, see its maxmemory' : 'failed';
  return new StorageError(`Redis ${full}: ${message}`, { cause });
}
