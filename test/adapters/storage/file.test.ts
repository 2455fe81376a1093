import { execFile } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync, StatementSync } from 'node:sqlite';
import { promisify } from 'node:util';

import { KyoaError, StorageError } from 'kyoa';
import { file } from 'kyoa/file';
import { storageContract } from 'kyoa/testing';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

import { root } from '../../support/lanes.ts';

let folder: string;
let path: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'kyoa-file-'));
  path = join(folder, 'store.db');
});

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
  rmSync(folder, { recursive: true });
});

/** Runs the code in another process, with `store` opened on the path. Resolves to what the code returns. */
async function inOtherProcess(code: string): Promise<unknown> {
  const adapter = JSON.stringify(join(root, 'adapters/storage/file.ts'));
  const script = `
    import { file } from ${adapter};
    const store = file(${JSON.stringify(path)});
    const result = await (async () => { ${code} })();
    await store.close();
    console.log(JSON.stringify(result ?? null));
  `;
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', script]);
  return JSON.parse(stdout);
}

function sql(statement: string, where: string = path): Record<string, unknown> | undefined {
  const db = new DatabaseSync(where);
  try {
    return db.prepare(statement).get();
  } finally {
    db.close();
  }
}

function modeOf(where: string): string {
  return (statSync(where).mode & 0o777).toString(8);
}

async function refusal(where: string = path): Promise<StorageError> {
  const store = file(where);
  const error: unknown = await store.set('key', 'value').catch((cause: unknown) => cause);
  await store.close();
  expect(error).toBeInstanceOf(StorageError);
  return error as StorageError;
}

describe.each(['power', 'process'] as const)('file with durability %s keeps the contract', (durability) => {
  const clauses = storageContract(() => file(path, { durability }));
  test.each(clauses.map(({ name, run }) => [name, run] as const))('%s', (_, run) => run());
});

describe('file', () => {
  test('creates its folders and its file with the first operation, not before', async () => {
    path = join(folder, 'one/two/store.db');
    const store = file(path);
    expect(readdirSync(folder)).toEqual([]);
    await store.set('key', 'value');
    await store.close();
    expect(existsSync(path)).toBe(true);
  });

  test('lets only its own user read what it creates, its log included', async () => {
    path = join(folder, 'one/two/store.db');
    const before = modeOf(folder);
    const store = file(path);
    await store.set('key', 'value');
    expect(['one', 'one/two'].map((name) => modeOf(join(folder, name)))).toEqual(['700', '700']);
    expect(['', '-wal', '-shm'].map((suffix) => modeOf(path + suffix))).toEqual(['600', '600', '600']);
    expect(modeOf(folder)).toBe(before);
    await store.close();
  });

  test('leaves the modes of a folder and of a file that exist', async () => {
    chmodSync(folder, 0o755);
    writeFileSync(path, '');
    chmodSync(path, 0o640);
    const store = file(path);
    await store.set('key', 'value');
    expect([folder, path, `${path}-wal`, `${path}-shm`].map(modeOf)).toEqual(['755', '640', '640', '640']);
    await store.close();
  });

  test('resolves its path against the working directory at its creation, not at its first use', async () => {
    vi.spyOn(process, 'cwd').mockReturnValue(folder);
    const store = file('store.db');
    vi.restoreAllMocks();
    await store.set('key', 'value');
    await store.close();
    expect(existsSync(path)).toBe(true);
  });

  test('leaves one file when it is closed: its log is written back', async () => {
    const store = file(path);
    await store.set('key', 'value');
    expect(readdirSync(folder)).toEqual(['store.db', 'store.db-shm', 'store.db-wal']);
    await store.close();
    expect(readdirSync(folder)).toEqual(['store.db']);
  });

  test('sees what another process has written, and the other process sees its writes', async () => {
    const store = file(path);
    const version = await store.set('here', 'value');
    expect(await inOtherProcess(`return (await store.get('here')).version`)).toBe(version);
    const there = await inOtherProcess(`return store.set('there', 'value')`);
    expect(await store.get('there')).toEqual({ value: 'value', version: there });
    expect(there).toBeGreaterThan(version ?? Infinity);
    await store.close();
  });

  test('gives each key to exactly one of six processes that create the file and claim the keys at once', async () => {
    const claim = `
      const won = [];
      for (let n = 0; n < 200; n += 1) if (await store.set('key' + n, 'value', { ifVersion: null })) won.push(n);
      return won;
    `;
    const won = (await Promise.all(Array.from({ length: 6 }, () => inOtherProcess(claim)))) as number[][];
    expect(won.flat().toSorted((a, b) => a - b)).toEqual(Array.from({ length: 200 }, (_, index) => index));
  });

  test('waits for a lock without blocking the event loop, and keeps the order of its operations', async () => {
    const store = file(path);
    await store.set('key', 'value');
    const other = new DatabaseSync(path);
    other.exec('BEGIN IMMEDIATE');
    const writes = ['first', 'second'].map((value) => store.set('key', value));
    const read = store.get('key');
    let turns = 0;
    while (turns < 3) {
      await new Promise((resolve) => setImmediate(resolve));
      turns += 1;
    }
    other.exec('COMMIT');
    const [first, second] = await Promise.all(writes);
    expect(second).toBeGreaterThan(first ?? Infinity);
    expect(await read).toEqual({ value: 'second', version: second });

    other.close();
    await store.close();
  });

  test('rejects an operation that has waited 5 s for a lock, and works again after it', async () => {
    const store = file(path);
    await store.set('key', 'value');
    const other = new DatabaseSync(path);
    other.exec('BEGIN IMMEDIATE');
    vi.useFakeTimers({ toFake: ['performance'] });
    const write = store.set('key', 'never');
    vi.advanceTimersByTime(5_001);
    await expect(write).rejects.toThrow(/store\.db has been locked by another process for 5000 ms/);
    expect((await store.get('key'))?.value).toBe('value');
    other.exec('COMMIT');
    expect(await store.set('key', 'again')).toBeDefined();
    other.close();
    await store.close();
  });

  test('removes expired entries as it writes, a bounded number at a time', async () => {
    vi.useFakeTimers({ toFake: ['Date'] });
    const store = file(path, { durability: 'process' });
    for (let index = 0; index < 300; index += 1) await store.set(`${index}`, 'value', { ttl: 1_000 });
    await store.set('lasting', 'value');
    vi.advanceTimersByTime(1_000);
    const rows = (): unknown => sql('SELECT count(*) AS rows FROM entry')?.['rows'];
    const seen = new Set<unknown>();
    for (let index = 0; index < 200; index += 1) {
      await store.set('lasting', 'value');
      seen.add(rows());
    }
    expect([...seen]).toEqual([301, 173, 45, 1]);
    await store.close();
  });

  test('refuses a path that names no file', () => {
    for (const none of ['', ':memory:', undefined, 5]) {
      expect(() => file(none as string)).toThrow(/file path must be the path of a file; .* use memory\(\)/);
    }
  });

  test('refuses unknown options and durabilities', () => {
    expect(() => file(path, { durability: 'full' as 'power' })).toThrow(KyoaError);
    expect(() => file(path, { durability: 'toString' as 'power' })).toThrow(/'power' or 'process', got "toString"/);
    expect(() => file(path, { ttl: 5 } as object)).toThrow(/file has no option ttl; it has durability/);
  });

  test('flushes to the disk only with durability power', async () => {
    const exec = vi.spyOn(DatabaseSync.prototype, 'exec');
    for (const durability of ['power', 'process'] as const) {
      const store = file(join(folder, durability), { durability });
      await store.set('key', 'value');
      await store.close();
    }
    const pragmas = exec.mock.calls.map(([statement]) => statement).filter((text) => text.includes('synchronous'));
    expect(pragmas).toEqual([
      'PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA fullfsync = 1',
      'PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA fullfsync = 0',
    ]);
  });
});

describe('file refuses and leaves unchanged', () => {
  test.each([
    ['a short text', 'hello'],
    ['a long text', 'no database '.repeat(1_000)],
  ])('%s', async (_, text) => {
    writeFileSync(path, text);
    expect((await refusal()).message).toMatch(/store\.db is not an SQLite database, .* choose another path/);
    expect(readFileSync(path, 'utf8')).toBe(text);
  });

  test('a database of another application', async () => {
    sql('CREATE TABLE entry (key TEXT)');
    const before = readFileSync(path);
    expect((await refusal()).message).toMatch(/store\.db is a database of another application/);
    expect(readFileSync(path)).toEqual(before);
  });

  test('an empty database that is marked as that of another application', async () => {
    sql('PRAGMA application_id = 5');
    expect((await refusal()).message).toMatch(/store\.db is a database of another application/);
  });

  test('a file of a newer version', async () => {
    const store = file(path);
    await store.set('key', 'value');
    await store.close();
    sql('PRAGMA user_version = 2');
    expect((await refusal()).message).toMatch(
      /another version of kyoa \(format 2, this version reads 1\).* update kyoa/,
    );
    sql('PRAGMA user_version = 1');
    const again = file(path);
    expect((await again.get('key'))?.value).toBe('value');
    await again.close();
  });

  test('a file that is damaged', async () => {
    const store = file(path, { durability: 'process' });
    for (let index = 0; index < 500; index += 1) await store.set(`${index}`, 'value'.repeat(50));
    await store.close();
    const whole = readFileSync(path);
    const damaged = Buffer.concat([whole.subarray(0, 4_096), Buffer.alloc(whole.length - 4_096, 0xff)]);
    writeFileSync(path, damaged);
    const error = await refusal();
    expect(error.message).toMatch(/store\.db is damaged and was left unchanged; restore it or move it away/);
    expect(error.cause).toBeInstanceOf(Error);
    expect(readFileSync(path).equals(damaged)).toBe(true);
  });

  test('a folder', async () => {
    mkdirSync(path);
    expect((await refusal()).message).toMatch(/store\.db cannot be opened; check the permissions/);
  });

  test('a path below a file', async () => {
    writeFileSync(path, '');
    expect((await refusal(join(path, 'below.db'))).message).toMatch(/failed: (ENOTDIR|EEXIST)/);
  });
});

describe('file rejects with StorageError, and recovers by itself,', () => {
  test('in a folder that is not writable', async () => {
    // Even root cannot create a file in /proc.
    const closed = process.getuid?.() === 0 ? '/proc/self' : folder;
    if (closed === folder) chmodSync(folder, 0o555);
    expect((await refusal(join(closed, 'store.db'))).message).toMatch(/cannot be opened; check the permissions/);
    if (closed === folder) chmodSync(folder, 0o755);
  });

  test('on a path where another file was removed later', async () => {
    writeFileSync(path, 'hello');
    const store = file(path);
    await expect(store.get('key')).rejects.toThrow(StorageError);
    rmSync(path);
    expect(await store.set('key', 'value')).toBeDefined();
    await store.close();
  });

  const deleteAll = (): void => ['', '-wal', '-shm'].forEach((suffix) => rmSync(path + suffix));

  test.each<[string, () => Promise<unknown>]>([
    ['was deleted', async () => rmSync(path)],
    ['was deleted with its log', async () => deleteAll()],
    ['was deleted with its folder', async () => rmSync(folder, { recursive: true })],
    ['was moved away', async () => renameSync(path, `${path}.old`)],
    [
      'was replaced by another process',
      async () => {
        deleteAll();
        await inOtherProcess(`return store.set('there', 'value')`);
      },
    ],
  ])('when its file %s while it was open', async (_, change) => {
    for (const operation of ['set', 'get', 'delete'] as const) {
      const store = file(path);
      await store.set('key', 'value');
      await change();
      const error: unknown = await store[operation]('key', 'lost').catch((reason: unknown) => reason);
      expect(error).toBeInstanceOf(StorageError);
      expect(String(error)).toMatch(/store\.db was deleted or replaced while it was open/);
      const version = await store.set('key', 'again');
      expect(await inOtherProcess(`return store.get('key')`)).toEqual({ value: 'again', version });
      expect(await store.get('key')).toEqual({ value: 'again', version });
      await store.close();
      rmSync(folder, { recursive: true });
      mkdirSync(folder);
    }
  });

  test.each([
    ['whose text is truncated', `value = '"trunc'`],
    ['whose text is not text', `value = x'00ff'`],
    ['whose expiry is not a number', `expires = 'never'`],
    ['whose version is too high', `version = 9223372036854775807`],
  ])('at an entry %s, and leaves it', async (_, change) => {
    const store = file(path);
    await store.set('key', 'value');
    sql(`UPDATE entry SET ${change}`);
    const row = 'SELECT hex(value), expires, CAST(version AS TEXT) FROM entry';
    const before = sql(row);
    for (const operation of [
      () => store.get('key'),
      () => store.set('key', 'value'),
      () => store.set('key', 'value', { ifVersion: null }),
      () => store.set('key', 'value', { ifVersion: 1 }),
      () => store.delete('key'),
    ]) {
      expect(await operation().catch((reason: unknown) => reason)).toBeInstanceOf(StorageError);
    }
    expect(sql(row)).toEqual(before);
    await store.close();
  });

  test.each([
    [13, 'database or disk is full', /store\.db cannot grow: the disk is full/],
    [1544, 'attempt to write a readonly database', /store\.db cannot be written; check the permissions/],
    [778, 'disk I/O error', /store\.db failed: disk I\/O error/],
  ])('when SQLite fails with %i, %s', async (errcode, message, expected) => {
    const store = file(path);
    const version = await store.set('key', 'value');
    const cause = Object.assign(new Error(message), { code: 'ERR_SQLITE_ERROR', errcode });
    vi.spyOn(StatementSync.prototype, 'run').mockImplementationOnce(() => {
      throw cause;
    });
    const error: unknown = await store.set('key', 'refused').catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(StorageError);
    expect(error).toMatchObject({ message: expect.stringMatching(expected) as string, cause });
    expect(await store.get('key')).toEqual({ value: 'value', version });
    expect(await store.set('key', 'again')).toBeDefined();
    await store.close();
  });
});
