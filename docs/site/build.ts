/** `npm run docs`: builds the pages into the folder site, for any static server. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

import { site } from './site.ts';

const folder = join(import.meta.dirname, '../../site');
rmSync(folder, { recursive: true, force: true });
const files = site();
for (const [path, content] of files) {
  const file = join(folder, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, content);
}
console.log(`${files.size} files in ${folder}; open ${join(folder, 'index.html')}`);
