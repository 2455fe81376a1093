/**
 * `npm run bench:startup`, after `npm run build`: the time and the memory of an import in a new Node process. The files
 * come from the disk cache.
 *
 * Every contender is measured once per round. The table shows medians of 15 rounds; bench/results/startup.json has all
 * figures. `--smoke` runs one round of kyoa and writes nothing.
 */
import { existsSync } from 'node:fs';
import { installed, median, printHead, printLeftOut, printTable, save, versionsOf } from './lib/report.ts';
import { inProcess, interleaved } from './lib/rounds.ts';
import type { Figures } from './lib/startup.ts';

const smoke = process.argv.includes('--smoke');
const rounds = smoke ? 1 : 15;
const dist = new URL('../dist/', import.meta.url);
if (!existsSync(new URL('src/index.js', dist))) throw new Error('Nothing is built yet: npm run build');

const built = (path: string): { specifier: string } => ({ specifier: new URL(path, dist).href });
const peer = (name: string): { packages: string[]; specifier: string } => ({ packages: [name], specifier: name });
const imports: Record<string, { readonly packages?: readonly string[]; readonly specifier: string }> = {
  kyoa: built('src/index.js'),
  'kyoa, in one file': built('kyoa.bundle.js'),
  ky: peer('ky'),
  ofetch: peer('ofetch'),
  'up-fetch': peer('up-fetch'),
  wretch: peer('wretch'),
  ffetch: peer('@fetchkit/ffetch'),
  cockatiel: peer('cockatiel'),
  opossum: peer('opossum'),
  axios: peer('axios'),
  got: peer('got'),
  undici: peer('undici'),
};

const versions = await versionsOf(Object.values(imports).flatMap(({ packages = [] }) => packages));
const present = installed(imports, versions).filter(([name]) => !smoke || name.startsWith('kyoa'));
const measured = await interleaved(
  rounds,
  present.map(([name]) => name),
  (name) => inProcess<Figures>('startup', { specifier: imports[name]!.specifier }),
);

printHead(`Import in a fresh process, medians of ${rounds} rounds`, versions);
printTable(
  ['ms', 'heap, kB'],
  present.map(([name]) => {
    const mine = measured.filter((one) => one.name === name).map(({ figures }) => figures);
    return [name, median(mine.map(({ time }) => time)).toFixed(1), median(mine.map(({ heap }) => heap)) / 1_000];
  }),
);
if (!smoke) printLeftOut(imports, present);
if (!smoke) await save('startup', { versions, rounds, measured });
