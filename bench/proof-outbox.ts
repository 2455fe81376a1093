/**
 * `npm run proof:outbox`: orders that are made while the network and the server fail, and while processes and tabs are killed and
 * frozen. The server's ledger must have each order once that its caller believes to be sent or kept, and in order within its lane.
 * In Node on a file and on Redis, in Chromium with two tabs and a service worker, and in Firefox, if it is installed. `file`, `redis`, `chromium`, `firefox` or `cases` as an
 * argument selects a part. `--smoke` takes some seconds; `--soak=30m` is rounds in Node for this time, with what they leave.
 */
import { parseArgs } from 'node:util';

import { runCases } from './proof-outbox/cases.ts';
import { proveInChromium } from './proof-outbox/in-chromium.ts';
import { findFirefox } from './proof-outbox/firefox.ts';
import { proveInFirefox } from './proof-outbox/in-firefox.ts';
import { openSite, type Kind, type Round } from './proof-outbox/in-node.ts';
import { soak } from './proof-outbox/soak.ts';
import { printTable } from './lib/report.ts';

const { values, positionals } = parseArgs({
  options: {
    smoke: { type: 'boolean', default: false },
    soak: { type: 'string' },
    rounds: { type: 'string', default: '20' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
  },
  allowPositionals: true,
});
const { smoke } = values;
const rounds = smoke ? 1 : Number(values.rounds);
const seed = Number(values.seed);
const isSelected = (part: string): boolean => positionals.length === 0 || positionals.includes(part);
const faults: string[] = [];
console.log(`seed ${seed}`);

const kinds = (['file', 'redis'] as const).filter(isSelected);
if (values.soak === undefined) {
  if (isSelected('cases')) faults.push(...(await runCases()));
  for (const kind of kinds) await proveInNode(kind);
  if (isSelected('chromium')) {
    const result = await proveInChromium({ seed, orders: smoke ? 40 : 500 });
    faults.push(...result.faults.map((fault) => `Chromium: ${fault}`));
    console.log('Chromium', { ...result, faults: result.faults.length });
  }
  const firefox = findFirefox();
  if (isSelected('firefox') && !smoke && firefox !== undefined) {
    const result = await proveInFirefox(firefox, { seed, orders: 200 });
    faults.push(...result.faults.map((fault) => `Firefox: ${fault}`));
    console.log('Firefox', { ...result, faults: result.faults.length });
  }
} else faults.push(...(await soak(kinds, { seed, minutes: Number.parseFloat(values.soak) })));
for (const fault of faults) console.error(fault);
console.log(faults.length === 0 ? 'proved: each order once, and in order' : `NOT PROVED: ${faults.length} faults`);
process.exitCode = faults.length === 0 ? 0 : 1;

async function proveInNode(kind: Kind): Promise<void> {
  await using site = await openSite(kind, { seed, chaos: smoke ? 2_000 : 6_000, keep: 604_800_000 });
  const calm = await site.calm();
  faults.push(...calm.faults.map((fault) => `${kind}, calm: ${fault}`));
  console.log(
    `${kind}: ${calm.kept} orders kept while the server was away, ${calm.requests} requests when it came back`,
  );
  const rows: (string | number)[][] = [];
  for (let n = 1; n <= rounds; n += 1) {
    const round = await site.round();
    rows.push(rowOf(round));
    faults.push(...round.faults.map((fault) => `${kind}, round ${n}: ${fault}`));
    if (!smoke) console.log(kind, { ...round, faults: round.faults.slice(0, 5) });
  }
  printTable(['kills', 'freezes', 'absences', 'sent', 'kept', 'listed', 'open', 'faults'], rows, `${kind}, round`);
}

function rowOf({ round, kills, freezes, absences, sent, kept, listed, open, faults }: Round): (string | number)[] {
  return [round, kills, freezes, absences, sent, kept, listed, open, faults.length];
}
