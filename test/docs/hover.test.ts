/** What an editor shows for each public name: a sentence that says what it is, an example and a link. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { expect, test } from 'vitest';

import { root } from '../support/lanes.ts';
import { compilerPaths, imported } from './compile.ts';
import { pages } from './pages.ts';
import { publicNames } from './public-names.ts';

const place = ({ entry, name }: { readonly entry: string; readonly name: string }): string => `${entry}: ${name}`;
const isType = (kind: string): boolean => kind === 'interface' || kind === 'type';

test('the names of every entry point are found', () => {
  expect(publicNames.length).toBeGreaterThan(150);
  expect(new Set(publicNames.map(({ entry }) => entry)).size).toBe(13);
});

test('each public name begins with a sentence that says what it is', () => {
  expect(publicNames.filter(({ text }) => !/^[A-Z\d`][^]*?[\w`)\]]+(\.|:)(\s|$)/.test(text)).map(place)).toEqual([]);
});

test('each public name has a link to its page, which exists', () => {
  const { repository } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    repository: { url: string };
  };
  const base = `${repository.url.replace(/^git\+|\.git$/g, '')}/blob/main/`;
  const isAlive = (link: string): boolean => {
    const [path, anchor] = link.slice(base.length).split('#');
    const page = pages.find(({ file }) => file === path);
    return existsSync(join(root, path!)) && (anchor === undefined || page!.anchors.has(anchor));
  };
  const own = publicNames.map((name) => ({ ...name, own: name.links.filter((link) => link.startsWith(base)) }));
  expect(own.filter(({ own }) => own.length === 0).map(place)).toEqual([]);
  expect(own.flatMap(({ own }) => own).filter((link) => !isAlive(link))).toEqual([]);
});

test('each value has an example', () => {
  expect(publicNames.filter(({ kind, examples }) => !isType(kind) && examples.length === 0).map(place)).toEqual([]);
});

test('the examples compile', () => {
  const folder = mkdtempSync(join(tmpdir(), 'kyoa-hover-'));
  try {
    symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
    writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
    const files = publicNames.flatMap(({ entry, name, examples }, index) =>
      examples.map((code, n) => {
        const file = `${index}-${entry.replaceAll('/', '-')}-${name}-${n}.ts`;
        writeFileSync(join(folder, file), `${imported(code)}${code}\nexport {};\n`);
        return file;
      }),
    );
    const compilerOptions = { ...compilerPaths(), noUnusedLocals: false };
    const config = { extends: join(root, 'tsconfig.json'), compilerOptions, files, include: [] };
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(config));
    const tsc = join(root, 'node_modules/typescript/bin/tsc');
    expect(spawnSync(process.execPath, [tsc], { cwd: folder, encoding: 'utf8' }).stdout).toBe('');
  } finally {
    rmSync(folder, { recursive: true });
  }
}, 60_000);
