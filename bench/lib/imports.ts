/** What a page may import of kyoa, as the module of a user. docs/sizes.md has a row for each. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';

const middleware = join(import.meta.dirname, '../../src/middleware');

/** `staleIfError` is in the folder `stale-if-error`. */
const policies: readonly string[] = readdirSync(middleware)
  .map((file) => file.replace(/\.ts$/, '').replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase()))
  .sort();

export const stacks: Readonly<Record<string, string>> = {
  createFetch: `export { createFetch } from 'kyoa';`,
  'createFetch, timeout, retry, dedupe': `import { createFetch, timeout, retry, dedupe } from 'kyoa';
export default createFetch({ use: [timeout(30_000), dedupe(), retry()] });`,
  'createFetch, standard': `export { createFetch, standard } from 'kyoa';`,
  kyoa: `export { default } from 'kyoa';`,
  events: `export { events } from 'kyoa/events';`,
  outbox: `export { outbox } from 'kyoa/outbox';`,
};

/** Each policy beside `createFetch`. */
export const singles: Readonly<Record<string, string>> = Object.fromEntries(
  policies.map((policy) => [policy, `export { createFetch, ${policy} } from 'kyoa';`]),
);
