/** The first calls of the README and of docs/getting-started.md, in folders as `npm init -y` makes them. */
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

test('of docs/getting-started.md with webpack', async () => {
  const folder = join(project, 'out/first/webpack');
  mkdirSync(join(folder, 'src'), { recursive: true });
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
  symlinkSync(join(project, 'node_modules'), join(folder, 'node_modules'));
  const text = readFileSync(join(project, 'pages/getting-started.md'), 'utf8');
  const [, code] = /With webpack[^]*?```js\n([^]*?)\n```/.exec(text);
  writeFileSync(join(folder, 'src/index.js'), code);
  const run = promisify(execFile);
  await run(process.execPath, [join(project, 'node_modules/webpack-cli/bin/cli.js'), '--mode', 'production'], {
    cwd: folder,
  });

  const page = `globalThis.addEventListener = () => {};
    globalThis.document = { body: {}, addEventListener() {} };
    globalThis.fetch = async () => Response.json([{ name: 'Ada' }, { name: 'Grace' }]);
    await import('./dist/main.js');
    while (document.body.textContent === undefined) await new Promise((resolve) => setTimeout(resolve, 1));
    console.log(document.body.textContent);`;
  const { stdout } = await run(process.execPath, ['--input-type=module', '--eval', page], { cwd: folder });
  assert.equal(stdout, 'Ada, Grace\n');
});
