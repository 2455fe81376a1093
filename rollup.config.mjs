/** One module per source file for npm, two self-contained files for pages without a bundler, and the command. */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { join, relative } from 'node:path';

import resolve from '@rollup/plugin-node-resolve';
import terser from '@rollup/plugin-terser';
import { transformSync } from 'oxc-transform';

import { jsonSchema } from './src/policy/json-schema.ts';

/** Public path -> source file. A new entry is one line here and one in the `exports` of package.json. */
export const entries = {
  '.': 'src/index.ts',
  './file': 'adapters/storage/file.ts',
  './indexeddb': 'adapters/storage/indexeddb.ts',
  './redis': 'adapters/storage/redis.ts',
  './undici': 'adapters/transport/undici/undici.ts',
  './opentelemetry': 'adapters/telemetry/opentelemetry.ts',
  './prometheus': 'adapters/telemetry/prometheus.ts',
  './events': 'src/events.ts',
  './policy': 'src/policy.ts',
  './policy/sources': 'adapters/policy/sources.ts',
  './outbox': 'src/outbox.ts',
  './upload': 'src/upload.ts',
  './testing': 'src/testing.ts',
};

const root = import.meta.dirname;
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const dependencies = Object.keys({ ...manifest.dependencies, ...manifest.peerDependencies });

const modules = {
  input: [...Object.values(entries), 'src/commonjs.ts'],
  external: (id) => id.startsWith('node:') || dependencies.some((name) => id === name || id.startsWith(`${name}/`)),
  plugins: [declarations(), typescript(), policySchema(), exportsAreBuilt()],
  onwarn: fail,
  output: {
    dir: 'dist',
    format: 'es',
    preserveModules: true,
    preserveModulesRoot: root,
    sourcemap: true,
  },
};

// A page has no import map for the adapters, so the one made for browsers comes along.
const indexeddb = entries['./indexeddb'] ? `export { indexeddb } from './${entries['./indexeddb']}';` : '';
const everything = `export { default } from './src/kyoa.ts'; export * from './src/index.ts'; ${indexeddb}`;
const client = `
  import * as everything from 'script-tag:everything';
  const { default: kyoa, ...members } = everything;
  export default Object.assign(kyoa, members);
`;

// A policy is known by the name of its function, so these few names stay.
const camelCase = (name) => name.replace(/-(\w)/g, (_, letter) => letter.toUpperCase());
const policies = new RegExp(
  `^(${readdirSync(join(root, 'src/middleware'))
    .map((file) => camelCase(file.replace('.ts', '')))
    .join('|')})$`,
);

const scriptTag = (input, output) => ({
  input,
  plugins: [
    virtual({ 'script-tag:everything': everything, 'script-tag:client': client }),
    resolve({ browser: true }),
    inPages(),
    typescript(),
    terser({
      ecma: 2022,
      module: output.format === 'es',
      compress: { passes: 3, hoist_funs: true },
      keep_fnames: policies,
    }),
  ],
  onwarn: fail,
  output: { ...output, sourcemap: true },
});

/** The command: one file with the packages that it needs. kyoa is imported from the modules beside it. */
const commandFolder = join(root, 'adapters/cli');
const isKyoa = (id) => id.startsWith(root) && !id.startsWith(commandFolder) && !id.includes('/node_modules/');
const command = {
  input: join(commandFolder, 'main.ts'),
  external: (id) => id.startsWith('node:') || id === 'undici' || isKyoa(id),
  plugins: [resolve({ exportConditions: ['node'] }), typescript(), licences('LICENSES.txt')],
  onwarn: fail,
  output: {
    file: manifest.bin.kyoa,
    format: 'es',
    inlineDynamicImports: true,
    paths: (id) => (isKyoa(id) ? `../${relative(root, id).replace(/ts$/, 'js')}` : id),
  },
};

export default [
  modules,
  scriptTag('script-tag:everything', { file: 'dist/kyoa.bundle.js', format: 'es' }),
  scriptTag('script-tag:client', {
    file: 'dist/kyoa.global.js',
    format: 'iife',
    name: 'kyoa',
    exports: 'default',
  }),
  command,
];

/** tsc writes the types: src by itself, without the types of Node, then the adapters. The command has none. */
function declarations() {
  const tsc = join(root, 'node_modules/typescript/bin/tsc');
  return {
    name: 'declarations',
    buildStart() {
      rmSync(join(root, 'dist'), { recursive: true, force: true });
      for (const project of ['tsconfig.json', 'adapters/tsconfig.json']) {
        execFileSync(process.execPath, [tsc, '-p', project, '--noEmit', 'false'], { cwd: root, stdio: 'inherit' });
      }
      rmSync(join(root, 'dist/adapters/cli'), { recursive: true });
    },
  };
}

/** Strips the types and nothing else; esbuild would rename a function that shadows another, and so a policy. */
function typescript() {
  return {
    name: 'typescript',
    transform(code, id) {
      if (!id.endsWith('.ts')) return null;
      const result = transformSync(id, code, { target: 'es2022', sourcemap: true });
      for (const error of result.errors) this.error(error.message);
      const [helper] = Object.keys(result.helpersUsed);
      if (helper) this.error(`${id} uses syntax newer than es2022, which would need the helper ${helper}`);
      return result;
    },
  };
}

/** Writes the licences of the packages in a bundle to a file beside it. */
function licences(fileName) {
  return {
    name: 'licences',
    generateBundle(_, bundle) {
      const modules = Object.values(bundle).flatMap(({ moduleIds }) => moduleIds ?? []);
      const folders = modules.flatMap((id) => /^.*\/node_modules\/(@[^/]+\/)?[^/]+/.exec(id)?.[0] ?? []);
      const texts = [...new Set(folders)].sort().map((folder) => {
        const { name, version } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
        const [file] = readdirSync(folder).filter((file) => /^licen[cs]e/i.test(file));
        if (file === undefined) this.error(`${name} has no file with its licence`);
        return `${name} ${version}\n\n${readFileSync(join(folder, file), 'utf8').trim()}\n`;
      });
      this.emitFile({ type: 'asset', fileName, source: texts.join(`\n${'-'.repeat(80)}\n\n`) });
    },
  };
}

/** A page is no Worker, so the minifier removes from its files what is for Workers. */
function inPages() {
  return {
    name: 'in-pages',
    transform: (code, id) =>
      id.endsWith('lib/platform.ts')
        ? { code: code.replace(/return 'WebSocketPair'.*/, 'return false;'), map: null }
        : null,
  };
}

/** The JSON Schema of policy documents, for editors. */
function policySchema() {
  return {
    name: 'policy-schema',
    generateBundle() {
      this.emitFile({ type: 'asset', fileName: 'policy.schema.json', source: JSON.stringify(jsonSchema()) });
    },
  };
}

/** Fails the build when package.json promises a path that is not there, or an entry is not exported. */
function exportsAreBuilt() {
  return {
    name: 'exports-are-built',
    writeBundle() {
      for (const [path, target] of Object.entries(manifest.exports)) {
        const files = pathsOf(target);
        for (const file of files) {
          if (!existsSync(join(root, file)))
            this.error(`package.json exports "${path}" as ${file}, which is not built`);
        }
      }
      for (const path of Object.keys(entries)) {
        if (!(path in manifest.exports)) this.error(`"${path}" is built, but package.json does not export it`);
      }
    },
  };
}

/** The paths of an export, which may have conditions inside conditions. */
function pathsOf(target) {
  return typeof target === 'string' ? [target] : Object.values(target).flatMap(pathsOf);
}

function fail(warning) {
  throw new Error(warning.message);
}

/** Modules that exist as text only, as if they lay in the root folder. */
function virtual(sources) {
  const file = (id) => join(root, `${id.replace(':', '-')}.mjs`);
  return {
    name: 'virtual',
    resolveId: (id) => (id in sources ? file(id) : null),
    load: (path) => Object.entries(sources).find(([id]) => file(id) === path)?.[1] ?? null,
  };
}
