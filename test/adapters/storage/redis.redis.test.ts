import { Cluster, Redis } from 'ioredis';
import { KyoaError, StorageError } from 'kyoa';
import { redis, type RedisClient } from 'kyoa/redis';
import { storageContract } from 'kyoa/testing';
import { createClient, createCluster } from 'redis';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { startRedis, type RedisServer } from '../../support/redis.ts';

let server: RedisServer;

beforeAll(async () => {
  server = await startRedis();
});

afterAll(async () => {
  await server.stop();
});

interface Connected {
  readonly client: RedisClient;
  readonly command: (...args: string[]) => Promise<unknown>;
  readonly disconnect: () => void;
}

const connectors = {
  'node-redis': async (url: string): Promise<Connected> => {
    const client = createClient({ url });
    // Without a listener a lost connection would be an uncaught exception.
    client.on('error', () => {});
    await client.connect();
    return { client, command: (...args) => client.sendCommand(args), disconnect: () => client.destroy() };
  },
  ioredis: async (url: string): Promise<Connected> => {
    const client = new Redis(url, { lazyConnect: true });
    client.on('error', () => {});
    await client.connect();
    return {
      client,
      command: (name = '', ...args) => client.call(name, ...args),
      disconnect: () => client.disconnect(),
    };
  },
};

describe.each(Object.entries(connectors))('redis with %s', (_, connect) => {
  let client: RedisClient;
  let command: Connected['command'];
  let disconnect: Connected['disconnect'];

  beforeEach(async () => {
    ({ client, command, disconnect } = await connect(server.url));
  });

  afterEach(() => {
    disconnect();
  });

  test.each<[string, string[]]>([
    ['hash', ['HSET', 'name', 'ann']],
    ['hash with a version alone', ['HSET', 'version', '5']],
    ['hash with a value alone', ['HSET', 'value', 'x']],
    ['hash with another version', ['HSET', 'version', 'x', 'value', 'x']],
    ['string', ['SET', 'x']],
    ['list', ['LPUSH', 'x']],
    ['set', ['SADD', 'x']],
  ])('rejects with StorageError at a %s of another application, and leaves it', async (_, [verb = '', ...fields]) => {
    const name = `{kyoa:}foreign-${Math.random()}`;
    const key = name.slice('{kyoa:}'.length);
    await command(verb, name, ...fields);
    const before = await command('DUMP', name);
    const store = redis(client);
    for (const operation of [
      () => store.get(key),
      () => store.set(key, 'value'),
      () => store.set(key, 'value', { ifVersion: null }),
      () => store.set(key, 'value', { ifVersion: 5 }),
      () => store.delete(key),
    ]) {
      const error: unknown = await operation().catch((reason: unknown) => reason);
      expect(error).toBeInstanceOf(StorageError);
      expect(String(error)).toMatch(
        /The Redis key \{kyoa:\}foreign-.* is not one that kyoa wrote, and was left unchanged/,
      );
    }
    expect(await command('DUMP', name)).toEqual(before);
    await command('DEL', name);
  });

  test.each([
    ['whose text is truncated', ['value', '"trunc']],
    ['whose version is not whole', ['version', '5.5']],
    ['whose expiry is not a number', ['expires', 'never']],
  ])('rejects with StorageError at an entry %s', async (_, change) => {
    const store = redis(client);
    await store.set('damaged', 'value');
    await command('HSET', '{kyoa:}damaged', ...change);
    await expect(store.get('damaged')).rejects.toThrow(StorageError);
    await store.delete('damaged');
  });

  describe('keeps the contract', () => {
    const clauses = storageContract(() => redis(client));
    test.each(clauses.map(({ name, run }) => [name, run] as const))('%s', (__, run) => run());
  });

  test('keeps the contract with two clients that share a server', async () => {
    const other = await connect(server.url);
    const clients = [client, other.client];
    let turn = 0;
    try {
      for (const { run } of storageContract(() => redis(clients[(turn += 1) % 2] ?? client))) await run();
    } finally {
      other.disconnect();
    }
  });

  test('follows the clock of the server', async () => {
    const store = redis(client);
    const [seconds, micros] = (await command('TIME')) as [string, string];
    const now = Number(seconds) * 1_000 + Number(micros) / 1_000;
    const version = await store.set('clock', 'value', { ttl: 10_000 });
    const { expires = 0 } = (await store.get('clock')) ?? {};
    expect(Number.isInteger(expires)).toBe(true);
    expect(expires).toBeGreaterThanOrEqual(Math.floor(now + 10_000));
    expect(expires).toBeLessThan(now + 11_000);
    expect(version).toBeGreaterThanOrEqual(now * 1_000);
  });

  test('lets the server remove expired entries', async () => {
    const store = redis(client);
    await store.set('short', 'value', { ttl: 5_000 });
    await store.set('lasting', 'value');
    expect(Number(await command('PTTL', '{kyoa:}short'))).toBeLessThan(5_000);
    expect(Number(await command('PTTL', '{kyoa:}short'))).toBeGreaterThan(4_000);
    expect(Number(await command('PTTL', '{kyoa:}lasting'))).toBe(-1);
  });

  test('keeps stores with different prefixes apart', async () => {
    await redis(client, { prefix: 'one' }).set('key', '1');
    await redis(client, { prefix: 'two' }).set('key', '2');
    expect((await redis(client, { prefix: 'one' }).get('key'))?.value).toBe('1');
  });

  test('uses a prefix that contains braces unchanged', async () => {
    await redis(client, { prefix: 'shop:{eu}:' }).set('key', 'value');
    expect(await command('EXISTS', 'shop:{eu}:key')).toBe(1);
  });

  test('sends its scripts again after SCRIPT FLUSH', async () => {
    const store = redis(client);
    const version = await store.set('flushed', 'value');
    await command('SCRIPT', 'FLUSH');
    expect(await store.get('flushed')).toEqual({ value: 'value', version });
    await command('SCRIPT', 'FLUSH');
    const next = await store.set('flushed', 'again', { ifVersion: version ?? null });
    expect(next).toBeGreaterThan(version ?? Infinity);
    await command('SCRIPT', 'FLUSH');
    expect(await store.delete('flushed')).toBe(true);
  });

  test('gives higher versions even if the counter was lost', async () => {
    const store = redis(client);
    const version = await store.set('evicted', 'value');
    await command('FLUSHALL');
    expect(await store.set('evicted', 'value')).toBeGreaterThan(version ?? Infinity);
  });

  test('gives higher versions even if the clock of the server was set back', async () => {
    const store = redis(client);
    await store.set('clock', 'value');
    const ahead = (Date.now() + 3_600_000) * 1_000;
    await command('SET', '{kyoa:}"', String(ahead));
    expect(await store.set('clock', 'value')).toBe(ahead + 1);
    await command('DEL', '{kyoa:}"');
  });

  test('rejects with StorageError when the server refuses', async () => {
    const store = redis(client);
    await command('CONFIG', 'SET', 'maxmemory', '1');
    try {
      const error: unknown = await store.set('key', 'value').catch((cause: unknown) => cause);
      expect(error).toBeInstanceOf(StorageError);
      expect(error).toMatchObject({ message: expect.stringMatching(/is full, see its maxmemory/) as string });
    } finally {
      await command('CONFIG', 'SET', 'maxmemory', '0');
    }
    expect(await store.set('key', 'value')).toBeDefined();
  });

  test('rejects with StorageError when Redis does not reply in time, and works again after that', async () => {
    const store = redis(client, { timeout: 50 });
    await store.set('frozen', 'value');
    server.freeze();
    try {
      for (const verb of [store.get('frozen'), store.set('frozen', 'again'), store.delete('absent')]) {
        const error: unknown = await verb.catch((cause: unknown) => cause);
        expect(error).toBeInstanceOf(StorageError);
        expect(error).toMatchObject({
          message: 'Redis has not answered within 50 ms; is it up and the client connected?',
        });
      }
    } finally {
      server.thaw();
    }
    expect((await redis(client).get('frozen'))?.value).toBe('again');
  });

  test('rejects with StorageError while the server is down', async () => {
    const another = await startRedis();
    const connected = await connect(another.url);
    try {
      const store = redis(connected.client, { timeout: 100 });
      await store.set('key', 'value');
      await another.stop();
      await expect(store.get('key')).rejects.toBeInstanceOf(StorageError);
      await expect(store.set('key', 'value')).rejects.toBeInstanceOf(StorageError);
    } finally {
      connected.disconnect();
      await another.stop();
    }
  });

  test('rejects with StorageError once the client is closed', async () => {
    const connected = await connect(server.url);
    const store = redis(connected.client, { timeout: 100 });
    connected.disconnect();
    const error: unknown = await store.get('key').catch((cause: unknown) => cause);
    expect(error).toBeInstanceOf(StorageError);
    expect((error as StorageError).cause ?? error).toBeInstanceOf(Error);
  });

  test('leaves the client open, which belongs to the caller', async () => {
    await redis(client).close();
    expect(await command('PING')).toBe('PONG');
  });
});

describe('redis', () => {
  test('shares its entries between different clients', async () => {
    const [node, io] = await Promise.all([connectors['node-redis'](server.url), connectors.ioredis(server.url)]);
    const version = await redis(node.client).set('both', 'value', { ttl: 60_000 });
    expect((await redis(io.client).get('both'))?.version).toBe(version);
    expect(await redis(io.client).delete('both', { ifVersion: version ?? 0 })).toBe(true);
    node.disconnect();
    io.disconnect();
  });

  test('works below the key prefix of an ioredis client', async () => {
    const client = new Redis(server.url, { keyPrefix: 'app:' });
    await redis(client).set('key', 'value');
    expect((await redis(client).get('key'))?.value).toBe('value');
    client.disconnect();
    const plain = await connectors.ioredis(server.url);
    expect(await plain.command('EXISTS', 'app:{kyoa:}key')).toBe(1);
    plain.disconnect();
  });

  test('refuses a value that is not a client, and does not show it', () => {
    for (const none of [undefined, null, 'redis://', { url: 'redis://:secret@host' }, { eval: () => {} }]) {
      expect(() => redis(none as unknown as RedisClient)).toThrow(KyoaError);
      expect(() => redis(none as unknown as RedisClient)).toThrow(
        /^redis client must be a client of node-redis 5 or ioredis 5, or later$/,
      );
    }
  });

  test('refuses an invalid prefix, an invalid timeout and unknown options', () => {
    const client = new Redis(server.url, { lazyConnect: true });
    for (const prefix of ['', '}', 5]) {
      expect(() => redis(client, { prefix: prefix as string })).toThrow(
        /redis prefix must be a string that is not empty/,
      );
    }
    expect(() => redis(client, { timeout: 0 })).toThrow(/redis timeout must be a number of milliseconds above 0/);
    expect(() => redis(client, { ttl: 5 } as object)).toThrow(/redis has no option ttl; it has prefix, timeout/);
  });
});

describe('redis with a cluster', () => {
  let node: RedisServer;

  const clusters = {
    'node-redis': async (): Promise<Connected> => {
      const client = createCluster({ rootNodes: [{ url: node.url }] });
      client.on('error', () => {});
      await client.connect();
      return {
        client,
        command: (...args) => client.sendCommand(args[1], false, args),
        disconnect: () => client.destroy(),
      };
    },
    ioredis: async (): Promise<Connected> => {
      const client = new Cluster([{ host: '127.0.0.1', port: node.port }], { lazyConnect: true });
      client.on('error', () => {});
      await client.connect();
      return {
        client,
        command: (name = '', ...args) => client.call(name, ...args),
        disconnect: () => client.disconnect(),
      };
    },
  };

  beforeAll(async () => {
    node = await startRedis('--cluster-enabled', 'yes', '--cluster-announce-ip', '127.0.0.1');
    const { command, disconnect } = await connectors.ioredis(node.url);
    await command('CLUSTER', 'ADDSLOTSRANGE', '0', '16383');
    while (!String(await command('CLUSTER', 'INFO')).includes('cluster_state:ok')) continue;
    disconnect();
  });

  afterAll(async () => {
    await node.stop();
  });

  describe.each(Object.entries(clusters))('of %s', (_, connect) => {
    let client: RedisClient;
    let disconnect: Connected['disconnect'];

    beforeAll(async () => {
      ({ client, disconnect } = await connect());
    });

    afterAll(() => {
      disconnect();
    });

    describe('keeps the contract', () => {
      const clauses = storageContract(() => redis(client));
      test.each(clauses.map(({ name, run }) => [name, run] as const))('%s', (__, run) => run());
    });

    test.each(['kyoa:', 'a}b', '{', 'a{', 'a{}b', 'shop:{eu}:'])(
      'keeps all keys with the prefix %s in one slot',
      async (prefix) => {
        const store = redis(client, { prefix });
        for (const key of ['a', '{b}', '}{', '']) expect(await store.set(key, 'value')).toBeDefined();
      },
    );
  });
});
