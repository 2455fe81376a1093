/** Bundles, minifies and compresses a user's module, to measure how much of the built package reaches a page. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { nodeResolve } from '@rollup/plugin-node-resolve';
import * as plugin from '@rollup/plugin-terser';
import { rollup } from 'rollup';

export interface Size {
  readonly minified: number;
  /** The bytes that a page transfers. */
  readonly gzipped: number;
}

/** The types of the plugin describe its CommonJS build, in which the module itself is the function. */
const minify = plugin.default as unknown as typeof plugin.default.default;
const root = join(import.meta.dirname, '../..');
const entry = join(root, 'bench/entry.mjs');

const built: Readonly<Record<string, string>> = {
  kyoa: 'dist/src/index.js',
  'kyoa/events': 'dist/src/events.js',
  'kyoa/outbox': 'dist/src/outbox.js',
};

/** Treats `code` as a module in this folder. `kyoa` resolves to the package that `npm run build` created. */
export async function bundled(code: string): Promise<Size> {
  if (!existsSync(join(root, 'dist/src/index.js'))) throw new Error('Nothing is built yet: npm run build');
  const bundle = await rollup({
    input: entry,
    plugins: [
      {
        name: 'entry',
        resolveId: (id) => (id === entry ? id : built[id] === undefined ? null : join(root, built[id])),
        load: (id) => (id === entry ? code : null),
      },
      nodeResolve({ browser: true }),
      minify({ ecma: 2020, module: true }),
    ],
    onwarn: () => {}, // the peers cause warnings
  });
  const { output } = await bundle.generate({ format: 'es' });
  return sizeOf(output[0].code);
}

export function sizeOf(code: string | Uint8Array): Size {
  return { minified: Buffer.byteLength(code), gzipped: gzipSync(code, { level: 9 }).length };
}
