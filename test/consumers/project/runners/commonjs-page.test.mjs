/** The blocks of docs/commonjs-and-jest.md: the first call by `require`, and the first test with both settings of Jest. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';

const project = join(import.meta.dirname, '..');
const page = readFileSync(join(project, 'pages/commonjs-and-jest.md'), 'utf8');
const blocks = (language) =>
  Array.from(page.matchAll(new RegExp(`\`\`\`${language}\n([^]*?)\n\`\`\``, 'g')), ([, code]) => code);
const [call, firstTest] = blocks('js');
const [, manifest, withBabel] = blocks('json');

/** Runs a program in a folder of its own with these files, and returns its output. */
async function output(name, files, ...args) {
  const folder = join(project, 'out', name);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  symlinkSync(join(project, 'node_modules'), join(folder, 'node_modules'));
  for (const [file, text] of Object.entries(files)) writeFileSync(join(folder, file), text);
  const { stdout, stderr } = await promisify(execFile)(process.execPath, args, { cwd: folder });
  return stdout + stderr;
}

test('the first call', async () => {
  const stub = `globalThis.fetch = async () => Response.json([{ name: 'Ada' }]);\n`;
  const written = await output('commonjs-page', { 'package.json': '{}', 'first.cjs': stub + call }, 'first.cjs');
  assert.match(written, /name: 'Ada'/);
});

test('the first test, with the flag', async () => {
  const files = { 'package.json': manifest, 'users.test.cjs': firstTest };
  const [, ...args] = JSON.parse(manifest).scripts.test.split(' ');
  assert.match(await output('jest-page', files, ...args), /1 passed, 1 total/);
});

test('the first test, with Babel', async () => {
  const files = { 'package.json': '{}', 'users.test.cjs': firstTest, 'jest.config.json': withBabel };
  assert.match(await output('jest-page-babel', files, 'node_modules/jest/bin/jest.js'), /1 passed, 1 total/);
});
