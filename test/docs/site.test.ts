/** The static site has every page of docs, and no link of it leads into the void. */
import { posix } from 'node:path';

import { describe, expect, test } from 'vitest';

import { site } from '../../docs/site/site.ts';
import { pages } from './pages.ts';

const files = site();
const htmls = [...files]
  .filter(([path]) => path.endsWith('.html') && !path.startsWith('examples/'))
  .map(([path, html]) => [path, String(html)] as const);

function ids(path: string): readonly string[] {
  return Array.from(String(files.get(path) ?? '').matchAll(/ id="([^"]+)"/g), ([, id]) => id!);
}

describe('the site', () => {
  test('has every page', () => {
    const docs = pages.map(({ file }) => file).filter((file) => file.startsWith('docs/'));
    const expected = docs.map((file) => file.slice(5).replace('README.md', 'index.md').replace('.md', '.html'));
    expect(htmls.map(([path]) => path).toSorted()).toEqual([...expected, 'front.html'].toSorted());
  });

  test.each(htmls)('%s links to what is there', (path, html) => {
    const targets = Array.from(html.matchAll(/ (?:href|src|srcset)="([^"]+)"/g), ([, target]) => target!);
    const dead = targets.filter((target) => {
      if (/^[a-z]+:/.test(target)) return false;
      const [file = '', anchor] = target.split('#');
      const there = file === '' ? path : posix.normalize(posix.join(posix.dirname(path), file));
      return !files.has(there) || (anchor !== undefined && !ids(there).includes(anchor));
    });
    expect(dead).toEqual([]);
    expect(targets.length).toBeGreaterThan(10);
  });
});
