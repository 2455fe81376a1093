/** `npm run docs:sizes`, after `npm run build`: measures what each import adds to a page, and writes it to docs/sizes.md. */
import { readFileSync, writeFileSync } from 'node:fs';

import { bundled, sizeOf } from './lib/bundle.ts';
import { singles, stacks } from './lib/imports.ts';

const page = new URL('../docs/sizes.md', import.meta.url);
const kB = (bytes: number): string => (bytes / 1_000).toFixed(1);

const measured: (readonly [string, number])[] = [];
for (const [name, code] of Object.entries(stacks)) measured.push([name, (await bundled(code)).gzipped]);
measured.push(['kyoa.global.js', sizeOf(readFileSync(new URL('../dist/kyoa.global.js', import.meta.url))).gzipped]);
const base = measured[0]![1];

let text = readFileSync(page, 'utf8');
for (const [name, bytes] of measured) write(name, kB(bytes));
for (const [name, code] of Object.entries(singles)) write(name, kB((await bundled(code)).gzipped - base));
writeFileSync(page, text);

/** Replaces the number in the row whose first code is `name`. */
function write(name: string, number: string): void {
  const row = new RegExp(`(^\\| (?:\\[)?\`${name}\`.*\\| )[\\d.]+( \\|)$`, 'm');
  if (!row.test(text)) throw new Error(`docs/sizes.md has no row for \`${name}\``);
  text = text.replace(row, `$1${number}$2`);
}
