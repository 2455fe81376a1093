/**
 * `npm run proof:auth`: what must hold for `auth` and `sign`. Processes that share a token in a file, then in Redis, renew it once
 * for each rotation and lose no call, and so do two tabs of a browser. Signatures arrive within a second, over retries with pauses.
 *
 * `file`, `redis`, `tabs` or `sign` as an argument selects a part. `--smoke` takes some seconds. `--seed=1` repeats a run, as far as
 * the machine permits.
 */
import { parseArgs } from 'node:util';

import { random } from './lib/simulate.ts';
import { processes } from './proof-auth/processes.ts';
import { signatures } from './proof-auth/signatures.ts';
import { tabs } from './proof-auth/tabs.ts';
import type { Proof } from './proof-auth/proof.ts';

const parts: Readonly<Record<string, Proof>> = {
  file: processes('file'),
  redis: processes('redis'),
  tabs,
  sign: signatures,
};

const { values, positionals } = parseArgs({
  options: { smoke: { type: 'boolean', default: false }, seed: { type: 'string' } },
  allowPositionals: true,
});
const seed = Number(values.seed ?? Math.floor(Math.random() * 1_000_000));
console.log(`seed ${seed}`);

const faults: string[] = [];
for (const name of positionals.length > 0 ? positionals : Object.keys(parts)) {
  const part = parts[name];
  if (part === undefined) throw new Error(`There is no part ${name}: name ${Object.keys(parts).join(', ')}`);
  faults.push(...(await part({ smoke: values.smoke, random: random(seed) })));
}
for (const fault of faults) console.error(fault);
if (faults.length === 0) console.log('proved: see the tables');
process.exitCode = faults.length === 0 ? 0 : 1;
