/**
 * `npm run proof:storage`: four processes write to one file concurrently and are killed while they write, for 20 rounds.
 * No acknowledged write may be lost, no key may be claimed twice, and the file must open again. `--smoke` takes a few
 * seconds.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';

import { file } from '../adapters/storage/file.ts';

const smoke = process.argv.includes('--smoke');
const rounds = smoke ? 2 : 20;
/** How long the processes of a round write before they are killed, ms: from, to. */
const burst = smoke ? ([50, 150] as const) : ([200, 1_000] as const);
const writers = ['a', 'b', 'c', 'd'];

type Kind = 'put' | 'claim' | 'count';

interface Note {
  readonly kind: Kind;
  readonly round: number;
  readonly writer: string;
  /** The number of the key, or the new value of the counter. */
  readonly subject: string;
  readonly version: number;
}

const table: Record<string, string | number>[] = [];
for (const durability of ['power', 'process'] as const) table.push(await prove(durability));
console.table(table);

const faults = ['lost', 'claimed twice', 'versions given twice', 'not opened'];
const proved = table.every((row) => faults.every((fault) => row[fault] === 0) && Number(row['acknowledged']) > 0);
console.log(proved ? 'proved: nothing acknowledged was lost, nothing was claimed twice' : 'NOT PROVED: see the table');
process.exitCode = proved ? 0 : 1;

async function prove(durability: 'power' | 'process'): Promise<Record<string, string | number>> {
  const folder = mkdtempSync(join(tmpdir(), 'kyoa-proof-'));
  const path = join(folder, 'store.db');
  const notes: Note[] = [];
  let notOpened = 0;
  let slowest = 0;
  try {
    for (let round = 0; round < rounds; round += 1) {
      notes.push(...(await killedAmidWriting(path, durability, round)));
      const started = performance.now();
      if (!(await opensWhole(path))) notOpened += 1;
      slowest = Math.max(slowest, performance.now() - started);
    }
    return {
      durability,
      'kill -9': rounds * writers.length,
      acknowledged: notes.length,
      puts: count(notes, 'put'),
      claims: count(notes, 'claim'),
      increments: count(notes, 'count'),
      lost: await lost(path, notes),
      'claimed twice': twice(
        notes.filter(({ kind }) => kind === 'claim').map(({ round, subject }) => `${round} ${subject}`),
      ),
      'versions given twice': twice(notes.map(({ version }) => version)),
      'not opened': notOpened,
      'slowest to open and check, ms': Math.round(slowest),
    };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Resolves to the writes that the store acknowledged. */
async function killedAmidWriting(path: string, durability: string, round: number): Promise<Note[]> {
  const started = writers.map((writer) => {
    const log = `${path}-${round}-${writer}.notes`;
    const script = join(import.meta.dirname, 'proof-storage-writer.ts');
    const child = spawn(process.execPath, [script, path, durability, writer, String(round), log], {
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    return { writer, log, child };
  });
  try {
    await Promise.all(started.map(({ log, child }) => hasWritten(log, child)));
    await sleep(burst[0] + Math.random() * (burst[1] - burst[0]));
  } finally {
    await Promise.all(started.map(({ child }) => killed(child)));
  }
  return started.flatMap(({ writer, log }) => read(log, round, writer));
}

async function hasWritten(log: string, child: ChildProcess): Promise<void> {
  while (!existsSync(log) || statSync(log).size === 0) {
    if (child.exitCode !== null) throw new Error(`A writer exited with ${child.exitCode} before it was killed`);
    await sleep(5);
  }
}

async function killed(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, 'exit');
  child.kill('SIGKILL');
  await exit;
}

function read(log: string, round: number, writer: string): Note[] {
  // The kill may have cut off the last line, so text after the last line feed is ignored.
  const lines = readFileSync(log, 'utf8').split('\n').slice(0, -1);
  return lines.map((line) => {
    const [kind, subject = '', version] = line.split(' ');
    return { kind: kind as Kind, round, writer, subject, version: Number(version) };
  });
}

/** Opens and writes the file through the adapter, as the next process would. Then runs SQLite's integrity check. */
async function opensWhole(path: string): Promise<boolean> {
  const store = file(path);
  const version = await store.set('opened', 'again');
  await store.close();
  const db = new DatabaseSync(path);
  const result = db.prepare('PRAGMA integrity_check').get();
  db.close();
  return version !== undefined && result?.['integrity_check'] === 'ok';
}

async function lost(path: string, notes: readonly Note[]): Promise<number> {
  const store = file(path);
  let missing = 0;
  for (const { kind, round, writer, subject, version } of notes) {
    if (kind === 'count') continue;
    const key = kind === 'put' ? `put ${round} ${writer} ${subject}` : `claim ${round} ${subject}`;
    const expected = kind === 'put' ? `${writer} ${subject} `.padEnd(400, 'x') : writer;
    const entry = await store.get(key);
    if (entry?.value !== expected || entry.version !== version) missing += 1;
  }
  // Every increment must have set another value, and the final value must not be lower than any of them.
  const counts = notes.filter(({ kind }) => kind === 'count').map(({ subject }) => Number(subject));
  const counter = Number((await store.get('counter'))?.value ?? 0);
  await store.close();
  return missing + twice(counts) + counts.filter((value) => value > counter).length;
}

function count(notes: readonly Note[], kind: Kind): number {
  return notes.filter((note) => note.kind === kind).length;
}

function twice(values: readonly unknown[]): number {
  return values.length - new Set(values).size;
}
