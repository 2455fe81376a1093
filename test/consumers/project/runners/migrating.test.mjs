/** The first block of each page of docs/migrating is the code of another library, the second that of kyoa. Both send the same requests. */
import assert from 'node:assert/strict';
import { globSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { once } from 'node:events';
import { basename, join } from 'node:path';
import { test } from 'node:test';

const folder = join(import.meta.dirname, '../out/migrating');
mkdirSync(folder, { recursive: true });
const pages = globSync(join(import.meta.dirname, '../migrating/*.md'));

/** The pairs of blocks of a page: one in JavaScript, then one in TypeScript. */
function pairs(page) {
  const blocks = readFileSync(page, 'utf8').matchAll(/```js\n([^]*?)\n```\n\n```ts\n([^]*?)\n```/g);
  return Array.from(blocks, ([, before, after]) => [before, after]);
}

/** Runs the code against a server on loopback, and returns the requests. */
async function requestsOf(code, file) {
  const requests = [];
  const server = createServer((request, response) => {
    requests.push(`${request.method} ${request.url}`);
    response.setHeader('content-type', 'application/json').end('{"users":[]}');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  writeFileSync(file, code.replaceAll('https://api.example.com', `http://127.0.0.1:${server.address().port}`));
  try {
    await import(file);
  } finally {
    server.closeAllConnections();
    server.close();
  }
  return requests;
}

test('most pages have such a pair', () => {
  assert.ok(pages.filter((page) => pairs(page).length > 0).length >= 5);
});

for (const page of pages)
  for (const [n, [before, after]] of pairs(page).entries())
    test(`${basename(page)}, pair ${n + 1}`, async () => {
      const file = join(folder, `${basename(page, '.md')}-${n}`);
      const theirs = await requestsOf(before, `${file}.mjs`);
      assert.ok(theirs.length > 0);
      assert.deepEqual(await requestsOf(after, `${file}.mts`), theirs);
    });
