/** Every `ts` block of the pages and every component compiles, and what can run here runs. */
import { spawnSync } from 'node:child_process';
import { globSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { checkPolicy } from 'kyoa/policy';
import { transformSync } from 'oxc-transform';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';

import { root } from '../support/lanes.ts';
import { compilerPaths, imported } from './compile.ts';
import { pages } from './pages.ts';
import { world, type World } from './world.ts';

const examples = join(root, 'docs/examples');

/** A block that begins with the path of a file shows that file, or parts of it. */
const shownFile = /^(?:\/\/|<!--) (docs\/examples\/\S+)(?: -->)?\n/;

const blocks = pages.flatMap(({ file, blocks }) =>
  blocks
    .filter(({ code, language }) => shownFile.test(code) || language === 'ts')
    .map((block) => ({
      ...block,
      place: `${file}:${block.line}`,
      module: `${file.replaceAll('/', '_')}-${block.line}.ts`,
    })),
);
const shown = blocks.filter(({ code }) => shownFile.test(code));
const snippets = blocks.filter(({ code }) => !shownFile.test(code));
const runnable = snippets.filter(({ note }) => note !== 'no_run');

/** Components, besides those of Next, which `npm run test:frameworks` compiles and runs. */
const components = pages.flatMap(({ file, blocks }) =>
  blocks
    .filter(({ language }) => language === 'tsx' && file !== 'docs/recipes/next.md')
    .map(({ code, line }) => ({ code, module: `${file.replaceAll('/', '_')}-${line}.tsx` })),
);

/** Scripts, which have types nowhere: `npm run proof:package` and `npm run test:frameworks` run them. */
const scripts = pages.flatMap(({ file, blocks }) =>
  blocks
    .filter(({ language, code }) => language === 'js' && !shownFile.test(code))
    .map((block) => ({ ...block, place: `${file}:${block.line}` })),
);

/** JSON with the members of a policy document. */
const documents = pages.flatMap(({ file, blocks }) =>
  blocks
    .filter(
      ({ language, code }) => language === 'json' && /^\{\s*"(\$schema|version|use|options|routes|secrets)"/.test(code),
    )
    .map(({ line, code }) => ({ code, place: `${file}:${line}` })),
);

let folder: string;
let around: World;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'kyoa-docs-'));
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
  // A page that goes with an example may import it.
  for (const file of globSync('*.ts', { cwd: examples })) symlinkSync(join(examples, file), join(folder, file));
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
  for (const { module, code } of snippets)
    writeFileSync(join(folder, module), `${imported(code)}${code}\nexport {};\n`);
  for (const { module, code } of components) writeFileSync(join(folder, module), code);
  around = await world();
});
afterAll(async () => {
  await around[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true });
});

/** What the compiler says of all of them at once. */
function compile(): string {
  const types = ['test/docs/world.ts', 'docs/examples/cloudflare-workers.d.ts'].map((file) => join(root, file));
  const files = [...types, ...[...snippets, ...components].map(({ module }) => module)];
  const compilerOptions = { ...compilerPaths(), jsx: 'react-jsx' };
  const config = { extends: join(root, 'tsconfig.json'), compilerOptions, files, include: [] };
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(config));
  const tsc = join(root, 'node_modules/typescript/bin/tsc');
  return spawnSync(process.execPath, [tsc], { cwd: folder, encoding: 'utf8' }).stdout;
}

describe('the blocks of code', () => {
  test('are there', () => {
    expect(runnable.length).toBeGreaterThan(20);
    expect(components).toHaveLength(2);
    expect(blocks.map(({ place }) => place)).toContainEqual(expect.stringMatching(/^README\.md:/));
    expect(new Set(snippets.map(({ note }) => note))).toEqual(new Set(['', 'no_run']));
  });

  test('compile', { timeout: 60_000 }, () => {
    expect(compile()).toBe('');
  });

  test.each(shown)('at $place shows a file as it is', ({ code }) => {
    const [line, file] = shownFile.exec(code)!;
    const whole = readFileSync(join(root, file!), 'utf8');
    // An ellipsis leaves something out.
    for (const part of code.slice(line.length).split(/^\s*\/\/ \.\.\.\n/m)) expect(whole).toContain(part.trimEnd());
  });

  test.each(scripts)('at $place is right in form', ({ code }) => {
    const { errors } = transformSync('page.js', code);
    expect(errors).toEqual([]);
  });

  test.each(documents)('at $place is a policy document without a fault', ({ code }) => {
    expect(checkPolicy(code).problems).toEqual([]);
  });

  test.each(runnable)('at $place runs', async ({ module }) => {
    const silent = ['log', 'info', 'table'] as const;
    const spies = silent.map((method) => vi.spyOn(console, method).mockImplementation(() => {}));
    try {
      await import(/* @vite-ignore */ join(folder, module));
    } finally {
      for (const spy of spies) spy.mockRestore();
    }
  });
});
