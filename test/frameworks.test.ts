/** The pages show the services of test/frameworks, which `npm run test:frameworks` runs in the real frameworks. */
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { expect, test } from 'vitest';

import { page } from './docs/pages.ts';

const project = join(import.meta.dirname, 'frameworks/project');
const sources = globSync('**/*.{ts,tsx,mjs}', { cwd: project }).map((file) =>
  readFileSync(join(project, file), 'utf8'),
);
const shown = ['service', 'express', 'fastify', 'hono', 'nest', 'next'].flatMap((name) => {
  const { file, blocks } = page(`docs/recipes/${name}.md`);
  return blocks
    .filter(({ language }) => ['typescript', 'tsx', 'js'].includes(language))
    .map(({ code, line }) => ({ place: `${file}:${line}`, code }));
});

test('the pages have code', () => {
  expect(new Set(shown.map(({ place }) => place.split(':')[0])).size).toBe(6);
});

test.each(shown)('the block at $place is part of a file of test/frameworks/project', ({ code }) => {
  // An ellipsis leaves something out.
  const parts = code.split(/^\s*\/\/ \.\.\.\n/m).map((part) => part.trimEnd());
  expect(sources.some((source) => parts.every((part) => source.includes(part)))).toBe(true);
});
