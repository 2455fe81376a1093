/** Every link of the pages has a target. */
import { existsSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';

import { describe, expect, test } from 'vitest';

import { root } from '../support/lanes.ts';
import { pages } from './pages.ts';

/** The front page of the site, and the page for files that are not Markdown. */
const ofTheSite = ['docs/index.md', 'docs/[file].md'];

/** The files and anchors of this repository that the links of a page lead to. */
function destinations(file: string, links: readonly string[]): { path: string; anchor: string | undefined }[] {
  return links
    .filter((link) => !/^[a-z]+:/.test(link))
    .map((link) => {
      const [path = '', anchor] = link.split('#');
      return { path: path === '' ? file : normalize(join(dirname(file), path)), anchor };
    });
}

describe('the pages', () => {
  test.each(pages)('$file links to what is there', ({ file, links }) => {
    const dead = destinations(file, links).filter(({ path, anchor }) => {
      if (!existsSync(join(root, path))) return true;
      const target = pages.find((page) => page.file === path);
      return anchor !== undefined && !target?.anchors.has(anchor);
    });
    expect(dead).toEqual([]);
  });

  test('are all reached from docs/README.md', () => {
    const reached = new Set(['docs/README.md']);
    for (const file of reached) {
      const links = pages.find((page) => page.file === file)?.links ?? [];
      for (const { path } of destinations(file, links)) if (path.startsWith('docs/')) reached.add(path);
    }
    const all = pages.map(({ file }) => file).filter((file) => file.startsWith('docs/') && !ofTheSite.includes(file));
    expect(all.filter((file) => !reached.has(file))).toEqual([]);
  });
});
