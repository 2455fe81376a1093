/** Lua scripts that run in Redis, through a client that the application has made. */
import { createHash } from 'node:crypto';

import { KyoaError } from '../../src/core/errors.ts';

/**
 * The commands of node-redis 5 and later that are used. A client, pool, cluster or sentinel has them.
 *
 * @see https://github.com/kyoa/kyoa/blob/main/docs/storage.md
 */
export interface NodeRedis {
  eval(script: string, options: { keys: string[]; arguments: string[] }): Promise<unknown>;
  evalSha(sha: string, options: { keys: string[]; arguments: string[] }): Promise<unknown>;
}

/**
 * The commands of ioredis 5 and later that are used. A client or cluster has them.
 *
 * @see https://github.com/kyoa/kyoa/blob/main/docs/storage.md
 */
export interface IoRedis {
  eval(script: string, keys: number, ...args: string[]): Promise<unknown>;
  evalsha(sha: string, keys: number, ...args: string[]): Promise<unknown>;
}

/**
 * A client of node-redis or ioredis that the application has made and connected.
 *
 * @see https://github.com/kyoa/kyoa/blob/main/docs/storage.md
 */
export type RedisClient = NodeRedis | IoRedis;

export interface Script {
  readonly source: string;
  readonly sha: string;
}

export type RunScript = (script: Script, keys: string[], args: string[]) => Promise<unknown>;

/** Sends the hash of a script. A server without that script, as after a restart, is sent the whole script once. */
export function scriptRunner(client: RedisClient): RunScript {
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
  // The error does not show the value: it may contain a password.
  throw new KyoaError('INVALID_OPTION', 'redis client must be a client of node-redis 5 or ioredis 5, or later');
}

export function script(source: string): Script {
  return { source, sha: createHash('sha1').update(source).digest('hex') };
}

/** A cluster keeps keys with the same text in braces on one node. Text that has braces is used unchanged. */
export function hashTag(text: string): string {
  // The hash tag of a key is the text between its first { and the first } after that, if it is not empty.
  return /^[^{]*\{[^}]+\}/.test(text) ? text : `{${text}}`;
}
