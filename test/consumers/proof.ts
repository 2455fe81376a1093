/**
 * `npm run proof:package` installs the files that npm would publish into an empty folder, beside the SDKs, bundlers,
 * compilers and runtimes of users, and uses the package with each of them. It needs the npm registry and Chromium.
 */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { gzipSync } from 'node:zlib';

import { root } from '../support/lanes.ts';
import { openPages } from './pages.ts';

const folder = mkdtempSync(join(tmpdir(), 'kyoa-proof-'));
const project = join(folder, 'project');
const bin = (name: string): string => join(project, 'node_modules', name);
const summary: string[] = [];
const server200 = `require('node:http').createServer((_, response) => response.end('kyoa')).listen(0, '127.0.0.1', function () {
  console.log(this.address().port);
})`;

try {
  process.exitCode = (await proof()) ? 0 : 1;
} finally {
  rmSync(folder, { recursive: true });
}

async function proof(): Promise<boolean> {
  const steps: Record<string, () => boolean | Promise<boolean>> = {
    pack,
    install,
    publint: () => run(process.execPath, [bin('publint/src/cli.js'), '--strict', 'node_modules/kyoa']),
    // kyoa is ESM only: `require` of it needs a Node that loads ESM, and Node 10's resolution ignores `exports`.
    attw: () =>
      run(process.execPath, [
        bin('@arethetypeswrong/cli/dist/index.js'),
        '../kyoa.tgz',
        '--profile',
        'esm-only',
        '--quiet',
      ]),
    'types: TypeScript 5.4': () => compile('typescript54'),
    'types: TypeScript 5.9': () => compile('typescript5'),
    'types: TypeScript 7': () => compile('typescript'),
    'types: TypeScript 5.9, to CommonJS': () => compileToCommonJs('typescript5'),
    'types: TypeScript 7, to CommonJS': () => compileToCommonJs('typescript'),
    'types: what an editor shows': () => run(process.execPath, ['types/hover.mjs']),
    'types: recipes': () => compileRecipes(),
    ...runtimes({
      'Node 22': [bin('node22/bin/node')],
      'Node 24': [process.execPath],
      'Node 26': [bin('node26/bin/node')],
      Deno: [bin('.bin/deno'), 'run', '--allow-all'],
      Bun: [bin('.bin/bun'), 'run'],
    }),
    'recipes: Node 24': () => recipes(process.execPath),
    'recipes: Node 26': () => recipes(bin('node26/bin/node')),
    'the first call': () => run(process.execPath, ['--test', 'runners/first-call.test.mjs']),
    'docs/commonjs-and-jest.md': () => run(process.execPath, ['--test', 'runners/commonjs-page.test.mjs']),
    'pages of docs/migrating': () => run(process.execPath, ['--test', 'runners/migrating.test.mjs']),
    'mocks: msw 2, nock 14': () => run(process.execPath, ['--test', 'runners/older-mocks.test.mjs']),
    'kyoa/testing under node:test': () =>
      run(process.execPath, ['--test', '--test-timeout=60000', 'runners/clock.test.mjs']),
    'kyoa/testing under Jest': () =>
      run(process.execPath, ['--experimental-vm-modules', bin('jest/bin/jest.js'), '--config', 'runners/jest.json']),
    'Jest in CommonJS, which loads ESM': () =>
      run(process.execPath, [
        '--experimental-vm-modules',
        bin('jest/bin/jest.js'),
        '--config',
        'runners/jest-require.json',
      ]),
    'Jest in CommonJS, with Babel': () =>
      run(process.execPath, [bin('jest/bin/jest.js'), '--config', 'runners/jest-babel.json']),
    'tsx in CommonJS': () => run(process.execPath, [bin('tsx/dist/cli.mjs'), 'commonjs/typed.cts']),
    ...Object.fromEntries(
      ['vite', 'esbuild', 'rollup', 'webpack'].map((name) => [`bundle: ${name}`, () => bundle(name)]),
    ),
    'npx kyoa, in an empty folder': command,
    'pages in Chromium': pages,
  };

  const failed: string[] = [];
  for (const [name, step] of Object.entries(steps)) {
    console.log(`\n== ${name}`);
    const started = performance.now();
    const passed = await step();
    const seconds = `${((performance.now() - started) / 1_000).toFixed(1)} s`;
    summary.push(`${passed ? 'ok    ' : 'FAILED'}  ${name.padEnd(30)} ${seconds.padStart(8)}`);
    if (!passed) failed.push(name);
    if (!passed && (name === 'pack' || name === 'install')) break;
  }
  console.log(`\n${summary.join('\n')}\n`);
  console.log(failed.length === 0 ? 'All steps passed.' : `Failed: ${failed.join(', ')}`);
  return failed.length === 0;
}

function run(command: string, args: readonly string[], cwd: string = project): boolean {
  const { status, error } = spawnSync(command, args, {
    cwd,
    stdio: 'inherit',
    env: { ...process.env, NODE_OPTIONS: '' },
  });
  if (error) console.error(`${command}: ${error.message}`);
  return status === 0;
}

function pack(): boolean {
  if (!run('npm', ['pack', '--pack-destination', folder], root)) return false;
  const [tarball] = readdirSync(folder).filter((name) => name.endsWith('.tgz'));
  renameSync(join(folder, tarball!), join(folder, 'kyoa.tgz'));
  return true;
}

function install(): boolean {
  cpSync(join(import.meta.dirname, 'project'), project, { recursive: true });
  cpSync(join(root, 'test/recipes'), join(project, 'recipes'), { recursive: true });
  cpSync(join(root, 'docs/migrating'), join(project, 'migrating'), { recursive: true });
  for (const page of ['README.md', 'docs/getting-started.md', 'docs/commonjs-and-jest.md'])
    cpSync(join(root, page), join(project, 'pages', basename(page)));
  return run('npm', ['install', '../kyoa.tgz', '--no-audit', '--no-fund', '--no-package-lock', '--loglevel', 'error']);
}

/**
 * Compiles with each module resolution of a project, with and without the DOM library and exactOptionalPropertyTypes, and
 * checks the declarations of the package too.
 */
function compile(typescript: string): boolean {
  const page = { lib: ['es2023', 'esnext.disposable', 'dom', 'dom.iterable'], types: [] };
  const node = { lib: ['es2023'], types: ['node'] };
  const projects = [
    { ...page, moduleResolution: 'nodenext', exactOptionalPropertyTypes: true },
    { ...node, moduleResolution: 'node16', exactOptionalPropertyTypes: false },
    { ...page, moduleResolution: 'bundler', exactOptionalPropertyTypes: false },
    { ...node, moduleResolution: 'bundler', exactOptionalPropertyTypes: true },
  ];
  return projects.every((project, index) => {
    const module = project.moduleResolution === 'bundler' ? 'esnext' : project.moduleResolution;
    const compilerOptions = { ...project, module, noEmit: true, strict: true, target: 'es2022', skipLibCheck: false };
    return tsc(typescript, `types-${index}.json`, { compilerOptions, include: ['types'] });
  });
}

/** TypeScript 5.8 and newer accept an import of ESM in a file that they compile to CommonJS. */
function compileToCommonJs(typescript: string): boolean {
  return [true, false].every((esModuleInterop) => {
    const compilerOptions = {
      strict: true,
      target: 'es2022',
      lib: ['es2023'],
      types: ['node'],
      module: 'nodenext',
      // TypeScript 7 has no other way.
      ...(typescript === 'typescript' ? {} : { esModuleInterop }),
      rootDir: 'commonjs',
      outDir: 'out/commonjs',
    };
    const config = { compilerOptions, include: ['commonjs'] };
    return tsc(typescript, 'commonjs.json', config) && run(process.execPath, ['out/commonjs/typed.cjs']);
  });
}

function compileRecipes(): boolean {
  const compilerOptions = {
    noEmit: true,
    strict: true,
    noUncheckedIndexedAccess: true,
    target: 'es2024',
    lib: ['es2024', 'esnext.disposable', 'dom', 'dom.iterable', 'dom.asynciterable'],
    module: 'nodenext',
    types: ['node'],
    skipLibCheck: true,
    allowImportingTsExtensions: true,
    erasableSyntaxOnly: true,
  };
  return tsc('typescript', 'recipes.json', { compilerOptions, include: ['recipes'] });
}

function tsc(typescript: string, file: string, config: object): boolean {
  writeFileSync(join(project, file), JSON.stringify(config));
  return run(process.execPath, [bin(`${typescript}/bin/tsc`), '-p', file]);
}

function runtimes(commands: Readonly<Record<string, readonly [string, ...string[]]>>): Record<string, () => boolean> {
  return Object.fromEntries(
    Object.entries(commands).map(([name, [command, ...args]]) => [
      `runtime: ${name}`,
      () =>
        run(command, ['--version']) &&
        run(command, [...args, 'runtimes/load.mjs']) &&
        (!name.startsWith('Node') || run(command, ['commonjs/require.cjs'])),
    ]),
  );
}

/** Runs the recipes on this Node. Node 22 has no `await using`, which the recipes need. */
function recipes(node: string): boolean {
  return run(node, ['--test', '--test-timeout=20000', 'recipes/*.recipe.ts']);
}

function bundle(bundler: string): boolean {
  mkdirSync(join(project, 'out'), { recursive: true });
  if (!run(process.execPath, ['apps/build.mjs', bundler])) return false;
  for (const page of ['app', 'fetch']) {
    const code = readFileSync(join(project, 'out', bundler, `${page}.js`));
    const kB = (length: number): string => `${(length / 1_000).toFixed(1)} kB`;
    summary.push(`        ${bundler} ${page}.js: ${kB(code.length)}, gzip ${kB(gzipSync(code, { level: 9 }).length)}`);
  }
  return true;
}

/** Without undici, which is not installed there, `load` sends through the global fetch. */
async function command(): Promise<boolean> {
  const empty = join(folder, 'empty');
  mkdirSync(empty);
  const npx = (...args: readonly string[]): boolean => run('npx', ['--yes', '../kyoa.tgz', ...args], empty);
  if (!npx('--help') || !npx('load', '--help')) return false;
  const server = spawn(process.execPath, ['--eval', server200], { stdio: ['ignore', 'pipe', 'inherit'] });
  try {
    const [port] = (await once(server.stdout, 'data')) as [Buffer];
    const url = `http://127.0.0.1:${port.toString().trim()}/`;
    return npx('load', url, '--for', '1s', '--warmup', '0s', '--max-errors', '0%');
  } finally {
    server.kill();
  }
}

async function pages(): Promise<boolean> {
  const problems = await openPages(project);
  for (const problem of problems) console.error(problem);
  return problems.length === 0;
}
