/** The first call of the README and of docs/getting-started.md, in a folder as `npm init -y` makes it. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';

const project = join(import.meta.dirname, '..');

for (const page of ['README.md', 'getting-started.md'])
  test(`of ${page}`, async () => {
    const folder = join(project, 'out/first', page);
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'package.json'), '{ "type": "commonjs" }');
    symlinkSync(join(project, 'node_modules'), join(folder, 'node_modules'));
    const [, code] = /```ts\n([^]*?)\n```/.exec(readFileSync(join(project, 'pages', page), 'utf8'));
    writeFileSync(join(folder, 'first.mjs'), code);

    const requests = [];
    const server = createServer((request, response) => {
      requests.push(request.url);
      response.setHeader('content-type', 'application/json').end('[{"name":"Ada"}]');
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    // The public API of the page is this server.
    const local = `http://127.0.0.1:${server.address().port}`;
    const preload = `data:text/javascript,const platform = fetch; globalThis.fetch = (input, init) =>
      platform(new Request((input.url ?? input).replace(/^https:..[^/]+/, '${local}'), input.url ? input : undefined), init)`;
    const { stdout } = await promisify(execFile)(process.execPath, ['--import', preload, 'first.mjs'], { cwd: folder });
    server.close();
    assert.deepEqual(requests, ['/users']);
    assert.match(stdout, /Ada/);
  });
