/** Bundles a file of this folder with the built package, for runtimes that load one script. */
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { nodeResolve } from '@rollup/plugin-node-resolve';
import { transformSync } from 'oxc-transform';
import { rollup, type Plugin } from 'rollup';

/** By default a script that needs no `import`, so that pages and workers of each kind can load it. */
export async function bundle(file: string, format: 'iife' | 'es' = 'iife'): Promise<string> {
  const build = await rollup({
    input: file,
    plugins: [kyoa, nodeResolve({ browser: true }), typescript],
    onwarn(warning) {
      throw new Error(warning.message);
    },
  });
  const { output } = await build.generate({ format });
  await build.close();
  return output[0].code;
}

/**
 * A module of the TypeScript in a folder. `modules` has the text of its `entry`, and of modules that replace those of the
 * same name.
 */
export async function bundleModule(folder: string, modules: Readonly<Record<string, string>>): Promise<string> {
  const replaced: Plugin = {
    name: 'replaced',
    resolveId: (id) => (basename(id) in modules ? join(folder, `${basename(id)}.replaced.ts`) : null),
    load: (id) => modules[basename(id, '.replaced.ts')] ?? null,
  };
  const build = await rollup({
    input: 'entry',
    plugins: [replaced, nodeResolve({ extensions: ['.ts', '.js'] }), typescript],
  });
  const { output } = await build.generate({ format: 'es' });
  await build.close();
  return output[0].code;
}

/** Resolves `kyoa` through the `exports` of the package, as in an application that has installed it. */
const kyoa: Plugin = {
  name: 'kyoa',
  resolveId: (id) => (/^kyoa(\/|$)/.test(id) ? fileURLToPath(import.meta.resolve(id)) : null),
};

const typescript: Plugin = {
  name: 'typescript',
  transform(code, id) {
    if (!id.endsWith('.ts')) return null;
    const { code: stripped, errors } = transformSync(id, code, { target: 'es2022' });
    for (const { message } of errors) this.error(message);
    return stripped;
  },
};
