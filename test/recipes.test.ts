/** The pages show the recipes of test/recipes, which `npm run proof:package` runs with the real libraries. */
import { globSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';

import { expect, test } from 'vitest';

import { root } from './support/lanes.ts';

const pages = globSync(['docs/recipes.md', 'docs/{recipes,migrating}/*.md'], { cwd: root }).map((file) => ({
  file,
  text: readFileSync(join(root, file), 'utf8'),
}));
const recipes = globSync('test/recipes/*.recipe.ts', { cwd: root });

test('test/recipes has recipes', () => {
  expect(recipes.length).toBeGreaterThan(12);
});

test.each(recipes)('a page of recipes shows the first lines of %s and links to it', (recipe) => {
  const [lines = ''] = readFileSync(join(root, recipe), 'utf8').split('\n/**', 1);
  const page = pages.find(({ text }) => text.includes(`\`\`\`typescript\n${lines.trim()}\n\`\`\``));
  expect(page?.text).toContain(`](${relative(dirname(page!.file), recipe)})`);
});
