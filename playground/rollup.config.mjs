/**
 * Builds the page into playground/dist, from the built package, which `npm run build` creates. The result works on any
 * static host.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import resolve from '@rollup/plugin-node-resolve';
import terser from '@rollup/plugin-terser';
import { transformSync } from 'oxc-transform';

const page = join(import.meta.dirname, 'page');

export default {
  input: join(page, 'main.ts'),
  plugins: [
    kyoa(),
    resolve({ browser: true }),
    typescript(),
    // kyoa identifies a policy by the name of its function.
    terser({ ecma: 2020, module: true, keep_fnames: true }),
    assets(),
  ],
  onwarn(warning) {
    throw new Error(warning.message);
  },
  output: { file: join(import.meta.dirname, 'dist/main.js'), format: 'es', sourcemap: true },
};

/** Resolves `kyoa` through the `exports` of the package, as in an application that has installed it. */
function kyoa() {
  return {
    name: 'kyoa',
    resolveId: (id) => (/^kyoa(\/|$)/.test(id) ? fileURLToPath(import.meta.resolve(id)) : null),
  };
}

function typescript() {
  return {
    name: 'typescript',
    transform(code, id) {
      if (!id.endsWith('.ts')) return null;
      const result = transformSync(id, code, { target: 'es2022', sourcemap: true });
      for (const error of result.errors) this.error(error.message);
      return result;
    },
  };
}

/** Copies index.html, and concatenates the style sheets in the order of their names. */
function assets() {
  const styles = join(page, 'style');
  return {
    name: 'assets',
    generateBundle() {
      const read = (...path) => readFileSync(join(page, ...path), 'utf8');
      const sheets = readdirSync(styles).toSorted();
      this.emitFile({ type: 'asset', fileName: 'index.html', source: read('index.html') });
      this.emitFile({
        type: 'asset',
        fileName: 'style.css',
        source: sheets.map((name) => read('style', name)).join('\n'),
      });
    },
  };
}
