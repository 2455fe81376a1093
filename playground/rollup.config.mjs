/**
 * The page, from the built package as a user's bundler would take it: `npm run build` goes before. What comes out, in
 * playground/dist, needs no server of its own: any static host will do.
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
    // A policy is known by the name of its function.
    terser({ ecma: 2020, module: true, keep_fnames: true }),
    assets(),
  ],
  onwarn(warning) {
    throw new Error(warning.message);
  },
  output: { file: join(import.meta.dirname, 'dist/main.js'), format: 'es', sourcemap: true },
};

/** By the package's own exports, as for anybody who has installed it. */
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

/** The document as it is, and the style sheets one after the other, by their names. */
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
