/** The files that npm publishes, used from a folder that has only the dependencies of kyoa. */
import { execFileSync, spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { runInThisContext } from 'node:vm';

import type * as kyoa from 'kyoa';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { page } from './docs/pages.ts';
import { root } from './support/lanes.ts';

type Target = string | { readonly [condition: string]: Target };

interface Manifest {
  readonly exports: Record<string, Target>;
  readonly bin: { readonly kyoa: string };
  readonly homepage: string;
  readonly bugs: { readonly url: string };
  readonly repository: object;
  readonly dependencies: Record<string, string>;
  readonly peerDependencies: Record<string, string>;
}

const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as Manifest;
const targets = Object.values(manifest.exports);
const names = Object.keys(manifest.exports)
  .filter((path) => !path.endsWith('.json'))
  .map((path) => `kyoa${path.slice(1)}`);

let consumer: string;

beforeAll(() => {
  if (!existsSync(join(root, 'dist'))) execFileSync('npm', ['run', 'build'], { cwd: root });
  consumer = mkdtempSync(join(tmpdir(), 'kyoa-consumer-'));
  const modules = join(consumer, 'node_modules');
  mkdirSync(modules);
  const packed = execFileSync('npm', ['pack', '--ignore-scripts', '--json', '--pack-destination', consumer], {
    cwd: root,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const [{ filename }] = Object.values(JSON.parse(packed) as Record<string, { filename: string }>) as [
    { filename: string },
  ];
  execFileSync('tar', ['-xzf', join(consumer, filename), '-C', modules]);
  execFileSync('mv', [join(modules, 'package'), join(modules, 'kyoa')]);
  for (const name of Object.keys({ ...manifest.dependencies, ...manifest.peerDependencies })) link(name);
  link('@types/node');
});

afterAll(() => {
  rmSync(consumer, { recursive: true });
});

function link(name: string): void {
  const path = join(consumer, 'node_modules', name);
  mkdirSync(dirname(path), { recursive: true });
  symlinkSync(join(root, 'node_modules', name), path);
}

function compile(options: object, code: string): string {
  writeFileSync(join(consumer, 'main.ts'), code);
  return compileFiles(options, ['main.ts']);
}

function compileFiles(options: object, files: readonly string[]): string {
  writeFileSync(join(consumer, 'package.json'), '{ "type": "module" }');
  const compilerOptions = { noEmit: true, strict: true, target: 'es2022', types: [], ...options };
  writeFileSync(join(consumer, 'tsconfig.json'), JSON.stringify({ compilerOptions, files }));
  const tsc = join(root, 'node_modules/typescript/bin/tsc');
  return spawnSync(process.execPath, [tsc], { cwd: consumer, encoding: 'utf8' }).stdout;
}

describe('the package', () => {
  test('contains each file that it exports, and exports no pattern', () => {
    const pathsOf = (target: Target): string[] =>
      typeof target === 'string' ? [target] : Object.values(target).flatMap(pathsOf);
    const files = targets.flatMap(pathsOf);
    expect(files.filter((file) => !existsSync(join(consumer, 'node_modules/kyoa', file)))).toEqual([]);
    expect(JSON.stringify(manifest.exports)).not.toContain('*');
  });

  test('contains only modules with maps and types, two files for script tags, the command, and the files that npm shows', () => {
    const kinds = [
      /^(package\.json|README\.md|CHANGELOG\.md|LICENSE)$/,
      /^docs\/operations(\.md|\/[a-z-]+\.(yml|yaml|json))$/,
      /^dist\/kyoa\.(bundle|global)\.js(\.map)?$/,
      /^dist\/policy\.schema\.json$/,
      /^dist\/cli\/(kyoa\.js|LICENSES\.txt)$/,
      /^dist\/(src|adapters)\/([a-z-]+\/)*[a-z0-9-]+\.(js|js\.map|d\.ts)$/,
    ];
    const files = globSync('**/*.*', { cwd: join(consumer, 'node_modules/kyoa') });
    expect(files.filter((file) => !kinds.some((kind) => kind.test(file)))).toEqual([]);
    const modules = files.filter((file) => /^dist\/(src|adapters)\/.*\.js$/.test(file));
    const beside = modules.flatMap((file) => [`${file}.map`, file.replace(/js$/, 'd.ts')]);
    expect(modules.length).toBeGreaterThan(50);
    expect(beside.filter((file) => !files.includes(file))).toEqual([]);
  });

  test('has declarations that name only members of RequestInit that Node 22 declares', () => {
    const files = globSync('dist/**/*.d.ts', { cwd: join(consumer, 'node_modules/kyoa') });
    const code = files.map((file) => readFileSync(join(consumer, 'node_modules/kyoa', file), 'utf8')).join('\n');
    const members = Array.from(code.matchAll(/RequestInit\['(\w+)'\]/g), ([, member]) => member!);
    expect(new Set(members)).toEqual(new Set(['body', 'headers']));
  });

  test('has the command, which needs no further package and which no module imports', () => {
    const { bin } = manifest;
    const command = join(consumer, 'node_modules/kyoa', bin.kyoa);
    const { stdout, stderr } = spawnSync(process.execPath, [command], { cwd: consumer, encoding: 'utf8' });
    expect(stdout).toContain('Usage: kyoa');
    expect(stderr).toBe('');
    const code = readFileSync(command, 'utf8');
    expect(code).toMatch(/^#!\/usr\/bin\/env node\n/);
    const packages = Array.from(code.matchAll(/^import .* from '([^.'][^']*)'/gm), ([, name]) => name!);
    expect(packages.filter((name) => !name.startsWith('node:'))).toEqual([]);
    const licences = readFileSync(join(dirname(command), 'LICENSES.txt'), 'utf8');
    for (const name of ['commander', 'log-update', 'string-width'])
      expect(licences).toMatch(new RegExp(`^${name} \\d`, 'm'));
    const modules = globSync('dist/{src,adapters}/**/*.js', { cwd: join(consumer, 'node_modules/kyoa') });
    const others = [...modules, 'dist/kyoa.bundle.js', 'dist/kyoa.global.js'];
    const text = (file: string): string => readFileSync(join(consumer, 'node_modules/kyoa', file), 'utf8');
    expect(others.filter((file) => /\bcli\/|commander/.test(text(file)))).toEqual([]);
  });

  // npm resolves a relative link of a README against the GitHub repository, if the member is an object, and the link a path
  // from the root.
  test('has a README whose links lead to the repository', () => {
    expect(manifest.repository).toEqual({
      type: 'git',
      url: expect.stringMatching(/^git\+https:\/\/github\.com\/.*\.git$/),
    });
    expect(manifest.bugs.url).toBe(manifest.homepage.replace('#readme', '/issues'));
    const { links } = page('README.md');
    const relative = links.filter((link) => !/^(https:|#)/.test(link));
    expect(relative.length).toBeGreaterThan(20);
    expect(relative.filter((link) => !/^(docs\/|\.ci\/|[A-Z]+(\.md)?$)/.test(link))).toEqual([]);
  });

  test('keeps each documented default for editors to show', () => {
    const defaults = (pattern: string, cwd: string): number =>
      globSync(pattern, { cwd }).reduce((sum, file) => {
        return sum + readFileSync(join(cwd, file), 'utf8').split('@default').length - 1;
      }, 0);
    const documented = defaults('{src,adapters}/**/*.ts', root);
    expect(documented).toBeGreaterThan(50);
    expect(defaults('dist/**/*.d.ts', join(consumer, 'node_modules/kyoa'))).toBe(documented);
  });

  test.each(names)('loads %s in Node', (name) => {
    const code = `const it = await import('${name}'); if (Object.keys(it).length === 0) throw new Error('empty');`;
    const { stderr, status } = spawnSync(process.execPath, ['--input-type=module', '--eval', code], {
      cwd: consumer,
      encoding: 'utf8',
    });
    expect({ stderr, status }).toEqual({ stderr: '', status: 0 });
  });

  test('gives the client to require, with each export as a member', () => {
    const code = `
      const assert = require('node:assert');
      const kyoa = require('kyoa');
      const { default: client, createFetch, KyoaError, retry } = kyoa;
      const transport = async () => Response.json(['Ada']);
      (async () => {
        assert.equal(retry().name, 'retry');
        assert.deepEqual(await kyoa('http://a.example', { fetch: transport }).json(), ['Ada']);
        assert.deepEqual(await kyoa.get('http://a.example', { fetch: transport }).json(), ['Ada']);
        assert.equal((await createFetch({ fetch: transport })('http://a.example')).status, 200);
        const imported = await import('kyoa');
        assert.equal(imported.default, client);
        assert.equal(imported.KyoaError, KyoaError);
        assert.equal('createFetch' in client, false);
        assert.equal(kyoa.__esModule, true); // a compiled \`import kyoa from 'kyoa'\` takes \`default\`
        assert.deepEqual(Object.keys(imported).filter((name) => kyoa[name] !== imported[name]), []);
        assert.equal('module.exports' in imported, false);
      })();`;
    writeFileSync(join(consumer, 'required.cjs'), code);
    const { stderr, status } = spawnSync(process.execPath, ['required.cjs'], { cwd: consumer, encoding: 'utf8' });
    expect({ stderr, status }).toEqual({ stderr: '', status: 0 });
  });

  describe.each([
    { module: 'nodenext', moduleResolution: 'nodenext' },
    { module: 'esnext', moduleResolution: 'bundler' },
  ])('under moduleResolution $moduleResolution', (resolution) => {
    test('gives its types to a browser project', () => {
      const options = { ...resolution, lib: ['es2022', 'dom', 'dom.iterable'], skipLibCheck: true };
      const code = `import kyoa, { createFetch } from 'kyoa';\nexport const it: string = createFetch;\nexport { kyoa };\n`;
      expect(compile(options, code)).toMatch(
        /^main\.ts\(2,14\): error TS2322: Type '.*' is not assignable to type 'string'\.\s*$/,
      );
    });

    test('accepts the correct uses of its types, and rejects the wrong ones', () => {
      cpSync(join(root, 'test/consumers/project/types'), join(consumer, 'types'), { recursive: true });
      const lib = ['es2023', 'esnext.disposable', 'dom', 'dom.iterable'];
      const files = ['types/use.ts', 'types/misuse.ts'];
      expect(compileFiles({ ...resolution, lib, skipLibCheck: true }, files)).toBe('');
    });

    const everything = names.map((name, i) => `import * as it${i} from '${name}';\nexport { it${i} };`).join('\n');
    const dom = ['es2023', 'esnext.disposable', 'dom', 'dom.iterable', 'dom.asynciterable'];

    test.each([
      { project: 'of a browser', lib: dom, types: [] },
      { project: 'of Node, without the DOM library', lib: ['es2023'], types: ['node'] },
    ])(
      'has no fault in its declarations in a project $project',
      ({ lib, types }) => {
        const options = { ...resolution, lib, types, skipLibCheck: false, exactOptionalPropertyTypes: true };
        expect(compile(options, everything)).toBe('');
      },
      60_000,
    );
  });
});

describe('the files for script tags', () => {
  const read = (file: string): string => readFileSync(join(root, 'dist', file), 'utf8');

  test('include kyoa.global.js, which is the client with each named export as a member', async () => {
    runInThisContext(read('kyoa.global.js'));
    const global = (globalThis as unknown as { kyoa: Record<string, unknown> }).kyoa;
    const entry = (await import('kyoa')) as Record<string, unknown>;
    expect(global).toBeTypeOf('function');
    expect(global['get']).toBeTypeOf('function');
    for (const name of Object.keys(entry).filter((key) => key !== 'default')) {
      expect(global[name], name).toBeTypeOf(typeof entry[name]);
    }
  });

  test('include kyoa.bundle.js, which has all exports of kyoa', async () => {
    const bundle = (await import(/* @vite-ignore */ join(root, 'dist/kyoa.bundle.js'))) as object;
    const entry = (await import('kyoa')) as object;
    expect(Object.keys(bundle)).toEqual(expect.arrayContaining(Object.keys(entry)));
  });

  test.each(['kyoa.global.js', 'kyoa.bundle.js'])('include %s, which imports nothing', (file) => {
    expect(read(file)).not.toMatch(/\bimport\b\s*[\w{*("']|\bfrom\s*["']/);
  });

  test('keep the names of the policies when minified', async () => {
    const bundle = (await import(/* @vite-ignore */ join(root, 'dist/kyoa.bundle.js'))) as typeof kyoa;
    expect(bundle.retry().name).toBe('retry');
    expect(bundle.timeout(1_000).name).toBe('timeout');
  });
});

describe('package-lock.json', () => {
  const text = readFileSync(join(root, 'package-lock.json'), 'utf8');

  test('names no registry', () => {
    expect(text).not.toMatch(/"resolved"|registry/);
  });

  // npm silently leaves out a binary that its registry does not have, and `npm ci` then rejects the lock.
  test('has the binaries of each platform', () => {
    const { packages } = JSON.parse(text) as {
      packages: Record<string, { optionalDependencies?: Record<string, string> }>;
    };
    const optional = Object.values(packages).flatMap((it) => Object.keys(it.optionalDependencies ?? {}));
    const there = new Set(Object.keys(packages).map((path) => path.replace(/^.*node_modules\//, '')));
    expect(optional.filter((name) => !there.has(name))).toEqual([]);
  });
});
