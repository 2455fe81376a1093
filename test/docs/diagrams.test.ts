/** The pictures of the pages are what `npm run docs:draw` draws. */
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { describe, expect, test } from 'vitest';

import { drawings } from '../../docs/diagrams/draw.ts';
import { root } from '../support/lanes.ts';
import { pages } from './pages.ts';

const folder = join(root, 'docs/diagrams');
const drawn = await drawings();

describe('the diagrams', () => {
  test('are all there, and no other', () => {
    expect(globSync('*.svg', { cwd: folder }).toSorted()).toEqual(Object.keys(drawn).toSorted());
  });

  test.each(Object.keys(drawn))('%s is as it is drawn, and is shown on a page', (file) => {
    expect(readFileSync(join(folder, file), 'utf8')).toBe(drawn[file]);
    expect(pages.flatMap(({ links }) => links).some((link) => link.endsWith(`diagrams/${file}`))).toBe(true);
  });
});
