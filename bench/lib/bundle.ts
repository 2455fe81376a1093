/** What of the built package ends up in a page: a user's module, bundled, minified and compressed. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { nodeResolve } from '@rollup/plugin-node-resolve';
import * as plugin from '@rollup/plugin-terser';
import { rollup } from 'rollup';

export interface Size {
  readonly minified: number;
  /** What travels, bytes. */
  readonly gzipped: number;
}

/** Its types are written for CommonJS, where the module itself is the function. */
const minify = plugin.default as unknown as typeof plugin.default.default;
const root = join(import.meta.dirname, '../..');
const entry = join(root, 'bench/entry.mjs');

/** As if the module lay in this folder; `kyoa` is what `npm run build` has made. */
export async function bundled(code: string): Promise<Size> {
  if (!existsSync(join(root, 'dist/src/index.js'))) throw new Error('Nothing is built yet: npm run build');
  const bundle = await rollup({
    input: entry,
    plugins: [
      {
        name: 'entry',
        resolveId: (id) => (id === entry ? id : id === 'kyoa' ? join(root, 'dist/src/index.js') : null),
        load: (id) => (id === entry ? code : null),
      },
      nodeResolve({ browser: true }),
      minify({ ecma: 2020, module: true }),
    ],
    onwarn: () => {}, // of the peers
  });
  const { output } = await bundle.generate({ format: 'es' });
  return sizeOf(output[0].code);
}

export function sizeOf(code: string | Uint8Array): Size {
  return { minified: Buffer.byteLength(code), gzipped: gzipSync(code, { level: 9 }).length };
}
