/**
 * `npm run bench:size`, after `npm run build`: the bytes that an import adds to a page, bundled with rollup and minified
 * with terser as a user does it. bench/results/size.json has the table. `--smoke` bundles only kyoa and writes nothing.
 */
import { readFileSync } from 'node:fs';
import { bundled, sizeOf } from './lib/bundle.ts';
import { stacks } from './lib/imports.ts';
import { installed, printHead, printLeftOut, printTable, save, versionsOf } from './lib/report.ts';

const smoke = process.argv.includes('--smoke');

const imports: Record<string, { readonly packages?: readonly string[]; readonly code: string }> = {
  'kyoa: createFetch': { code: stacks['createFetch']! },
  'kyoa: createFetch, timeout, retry, dedupe': { code: stacks['createFetch, timeout, retry, dedupe']! },
  'kyoa: createFetch, standard': { code: stacks['createFetch, standard']! },
  'kyoa: the client': { code: stacks['kyoa']! },
  'p-retry + p-timeout': {
    packages: ['p-retry', 'p-timeout'],
    code: `export { default as a } from 'p-retry'; export { default as b } from 'p-timeout';`,
  },
  ky: { packages: ['ky'], code: `export { default } from 'ky';` },
  ofetch: { packages: ['ofetch'], code: `export { ofetch } from 'ofetch';` },
  'up-fetch': { packages: ['up-fetch'], code: `export { up } from 'up-fetch';` },
  'wretch + retry, dedupe': {
    packages: ['wretch'],
    code: `export { default } from 'wretch'; export { retry, dedupe } from 'wretch/middlewares';`,
  },
  ffetch: { packages: ['@fetchkit/ffetch'], code: `export { createClient } from '@fetchkit/ffetch';` },
  cockatiel: {
    packages: ['cockatiel'],
    code: `export { wrap, retry, timeout, circuitBreaker, handleAll, ExponentialBackoff, ConsecutiveBreaker } from 'cockatiel';`,
  },
  axios: { packages: ['axios'], code: `export { default } from 'axios';` },
};

const versions = await versionsOf(Object.values(imports).flatMap(({ packages = [] }) => packages));
const present = installed(imports, versions).filter(([name]) => !smoke || name.startsWith('kyoa'));
const sizes = await Promise.all(present.map(async ([name, { code }]) => ({ name, ...(await bundled(code)) })));
const global = readFileSync(new URL('../dist/kyoa.global.js', import.meta.url));
sizes.push({ name: 'kyoa: the script-tag file', ...sizeOf(global) });

printHead('Bytes in a page', versions);
printTable(
  ['minified', 'min + gzip'],
  sizes.map(({ name, minified, gzipped }) => [name, minified, gzipped]),
);
if (!smoke) printLeftOut(imports, present);
if (!smoke) await save('size', { versions, sizes });
