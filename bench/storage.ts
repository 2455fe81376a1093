/**
 * `npm run bench:storage`: the time of a put and of a get through the storage adapters, compared with bare `node:sqlite`,
 * which executes the same statements on another file.
 *
 * All contenders take turns in one process. The table shows medians of 31 rounds. `--smoke` takes a second.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

import { file } from '../adapters/storage/file.ts';
import { memory } from '../adapters/storage/memory.ts';
import type { Storage } from '../src/core/storage.ts';

const smoke = process.argv.includes('--smoke');
const rounds = smoke ? 3 : 31;
const size = { put: smoke ? 20 : 200, get: smoke ? 100 : 5_000, memory: smoke ? 1_000 : 100_000 };
const value = JSON.stringify({ status: 200, headers: { 'content-type': 'application/json' }, body: 'x'.repeat(330) });
const keys = Array.from({ length: 1_000 }, (_, index) => `idempotency:${index}`);

type Work = (count: number) => Promise<void> | void;

interface Contender {
  readonly what: string;
  readonly name: string;
  readonly count: number;
  readonly work: Work;
}

const folder = mkdtempSync(join(tmpdir(), 'kyoa-bench-'));
const closing: (() => unknown)[] = [];

const contenders: Contender[] = (['power', 'process'] as const).flatMap((durability) => {
  const store = file(join(folder, `${durability}.db`), { durability });
  const db = bare(join(folder, `${durability}-bare.db`), durability);
  closing.push(() => store.close(), db.close);
  return [
    { what: `put, ${durability}`, name: 'file()', count: size.put, work: puts(store) },
    { what: `put, ${durability}`, name: 'node:sqlite', count: size.put, work: db.puts },
    { what: `get, ${durability}`, name: 'file()', count: size.get, work: gets(store) },
    { what: `get, ${durability}`, name: 'node:sqlite', count: size.get, work: db.gets },
  ];
});
const embedded = memory();
contenders.push(
  { what: 'put, memory', name: 'memory()', count: size.memory, work: puts(embedded) },
  { what: 'get, memory', name: 'memory()', count: size.memory, work: gets(embedded) },
);

const samples = new Map(contenders.map((contender) => [contender, [] as number[]]));
try {
  for (let round = 0; round < rounds; round += 1) {
    for (const [contender, times] of samples) {
      const started = performance.now();
      await contender.work(contender.count);
      times.push(((performance.now() - started) * 1_000) / contender.count);
    }
  }
} finally {
  for (const close of closing) await close();
  rmSync(folder, { recursive: true });
}

const table = [...samples].map(([{ what, name }, times]) => {
  const base = [...samples].find(([other]) => other.what === what && other.name === 'node:sqlite')?.[1];
  const us = median(times);
  return { what, of: name, us: us.toFixed(2), 'times bare': base === undefined ? '' : (us / median(base)).toFixed(2) };
});
console.table(table);

const within = table.every((row) => row['times bare'] === '' || Number(row['times bare']) <= 3);
const quick = Number(table.find(({ what }) => what === 'get, memory')?.us) < 1;
console.log(
  `file() within 3 times node:sqlite: ${within ? 'yes' : 'NO'}; memory() get below 1 us: ${quick ? 'yes' : 'NO'}`,
);

function puts(store: Storage): Work {
  let next = 0;
  return async (count) => {
    for (let index = 0; index < count; index += 1) await store.set(keys[(next += 1) % keys.length] ?? '', value);
  };
}

function gets(store: Storage): Work {
  let next = 0;
  return async (count) => {
    for (let index = 0; index < count; index += 1) await store.get(keys[(next += 1) % keys.length] ?? '');
  };
}

/** The statements that `file()` executes for a put and a get, without the adapter. */
function bare(path: string, durability: 'power' | 'process'): { puts: Work; gets: Work; close: () => void } {
  const db = new DatabaseSync(path);
  db.exec(`
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = ${durability === 'power' ? 'FULL' : 'NORMAL'};
    CREATE TABLE entry (
      version INTEGER PRIMARY KEY AUTOINCREMENT,
      key TEXT NOT NULL UNIQUE,
      value TEXT NOT NULL,
      expires REAL NOT NULL
    );
    CREATE INDEX entry_expires ON entry (expires) WHERE expires < 9e999;
  `);
  const put = db.prepare('REPLACE INTO entry (key, value, expires) VALUES (?1, ?2, ?3)');
  const get = db.prepare('SELECT value, version, expires FROM entry WHERE key = ?1 AND expires > ?2');
  let next = 0;
  const key = (): string => keys[(next += 1) % keys.length] ?? '';
  return {
    puts: (count) => {
      for (let index = 0; index < count; index += 1) put.run(key(), value, Infinity);
    },
    gets: (count) => {
      for (let index = 0; index < count; index += 1) get.get(key(), Date.now());
    },
    close: () => db.close(),
  };
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN;
}
