/** The page shows the recipes of test/recipes, which `npm run proof:package` runs with the real SDKs. */
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { expect, test } from 'vitest';

import { root } from './support/lanes.ts';

const page = readFileSync(join(root, 'docs/recipes.md'), 'utf8');
const recipes = globSync('test/recipes/*.recipe.ts', { cwd: root });

test('test/recipes has recipes', () => {
  expect(recipes.length).toBeGreaterThan(8);
});

test.each(recipes)('docs/recipes.md shows the first lines of %s and links to it', (file) => {
  const [lines = ''] = readFileSync(join(root, file), 'utf8').split('\n/**', 1);
  expect(page).toContain(`\`\`\`typescript\n${lines.trim()}\n\`\`\``);
  expect(page).toContain(`](../${file})`);
});
