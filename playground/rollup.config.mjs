/**
 * Builds the page and the custom element of embed.ts into playground/dist, from the built package, which `npm run build`
 * creates. The result works on any static host.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import resolve from '@rollup/plugin-node-resolve';
import terser from '@rollup/plugin-terser';
import { transformSync } from 'oxc-transform';

const page = join(import.meta.dirname, 'page');

const bundles = {
  main: bundle({ main: join(page, 'main.ts') }, assets()),
  // The element itself is small. It loads embed-stage.js when it comes near the screen.
  embed: bundle({ embed: join(import.meta.dirname, 'embed.ts') }),
};

/** `--configOnly main` builds only that bundle. */
export default ({ configOnly }) => bundles[configOnly] ?? Object.values(bundles);

function bundle(input, ...plugins) {
  return {
    input,
    plugins: [
      kyoa(),
      resolve({ browser: true }),
      text(),
      typescript(),
      // kyoa identifies a policy by the name of its function.
      terser({ ecma: 2020, module: true, keep_fnames: true }),
      ...plugins,
    ],
    onwarn(warning) {
      throw new Error(warning.message);
    },
    output: {
      dir: join(import.meta.dirname, 'dist'),
      // embed-stage.js, document-editor.js, and what the page shares with its editor.
      chunkFileNames: ({ name, isDynamicEntry }) =>
        'embed' in input ? 'embed-[name].js' : isDynamicEntry ? `${name}.js` : 'shared.js',
      format: 'es',
      sourcemap: true,
    },
  };
}

/** A style sheet as a module that exports its text. */
function text() {
  return {
    name: 'text',
    transform: (code, id) =>
      id.endsWith('.css') ? { code: `export const css = ${JSON.stringify(code)};`, map: { mappings: '' } } : null,
  };
}

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

/**
 * Copies index.html, and concatenates the style sheets in the order of their names. The code that the page shows loads
 * kyoa.global.js from its host, and calls `/api/items.json`, also with a region before it.
 */
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
      const library = join(import.meta.dirname, '../dist/kyoa.global.js');
      this.emitFile({ type: 'asset', fileName: 'kyoa.global.js', source: readFileSync(library, 'utf8') });
      for (const region of ['', 'eu/', 'us/', 'ap/']) {
        const source = `${JSON.stringify({ path: 'items.json' })}\n`;
        this.emitFile({ type: 'asset', fileName: `${region}api/items.json`, source });
      }
    },
  };
}
