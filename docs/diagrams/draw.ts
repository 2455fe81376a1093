/** `npm run docs:draw`: draws the pictures of the pages. */
import { globSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';

import { capacity } from './capacity.ts';
import { drill } from './drill.ts';
import { concurrent, crash, repeat } from './idempotency.ts';
import { incident } from './incident.ts';
import { lifeOfAGet } from './life-of-a-get.ts';
import { onion } from './onion.ts';
import { sequence } from './sequence.ts';
import { sizes } from './sizes.ts';
import { storm } from './storm.ts';
import { timeline, type Story } from './timeline.ts';

const folder = import.meta.dirname;

/** The SVG of each file: the onion, what tables of pages have, and a good and a bad day of each policy. */
export async function drawings(): Promise<Record<string, string>> {
  const drawn: Record<string, string> = {
    'onion.svg': onion(),
    'life-of-a-get.svg': sequence(lifeOfAGet),
    'idempotency-repeat.svg': sequence(repeat),
    'idempotency-crash.svg': sequence(crash),
    'idempotency-concurrent.svg': sequence(concurrent),
    'sizes.svg': sizes(),
    'capacity.svg': capacity(),
    'drill.svg': drill(),
    'incident.svg': incident(),
    'storm.svg': storm(),
  };
  for (const file of globSync('stories/*.ts', { cwd: folder })) {
    const { story } = (await import(join(folder, file))) as { story: Story };
    drawn[`${basename(file, '.ts')}.svg`] = timeline(story);
  }
  return drawn;
}

if (import.meta.main) {
  for (const [file, svg] of Object.entries(await drawings())) writeFileSync(join(folder, file), svg);
}
