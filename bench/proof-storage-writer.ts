/** A process that bench/proof-storage.ts kills. It writes to the store until then, and logs each acknowledged write. */
import { openSync, writeSync } from 'node:fs';

import { file, type FileOptions } from '../adapters/storage/file.ts';

const [path = '', durability = '', name = '', round = '', notes = ''] = process.argv.slice(2);

const store = file(path, { durability: durability as NonNullable<FileOptions['durability']> });
const log = openSync(notes, 'a');
// Bytes that a process has written to a file reach the file even if the process is killed afterwards.
const note = (...facts: (string | number)[]): unknown => writeSync(log, `${facts.join(' ')}\n`);

for (let turn = 0; ; turn += 1) {
  // A key that only this writer writes, a key that all writers try to claim, and a counter that all writers increment.
  const value = `${name} ${turn} `.padEnd(400, 'x');
  const put = await store.set(`put ${round} ${name} ${turn}`, value);
  if (put !== undefined) note('put', turn, put);

  const claimed = await store.set(`claim ${round} ${turn}`, name, { ifVersion: null, ttl: 3_600_000 });
  if (claimed !== undefined) note('claim', turn, claimed);

  const counter = await store.get('counter');
  const next = Number(counter?.value ?? 0) + 1;
  const counted = await store.set('counter', String(next), { ifVersion: counter?.version ?? null });
  if (counted !== undefined) note('count', next, counted);
}
