/** How the code of pages and doc comments is compiled: against the sources, with the names of kyoa in scope. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import * as everything from 'kyoa';

import { root } from '../support/lanes.ts';

const types = ['Handler', 'Hooks', 'Kyoa', 'Middleware', 'Storage'];

/** A block without imports speaks of what kyoa exports. On its first line, so that the numbers of the lines stay. */
export function imported(code: string): string {
  if (/^import /m.test(code)) return '';
  const isUsed = (name: string): boolean => new RegExp(`(?<![\\w'])(?<!(?<!\\.)\\.)${name}\\b(?!['\\w]|:)`).test(code);
  const isMade = (name: string): boolean => new RegExp(`(const|function) ${name}\\b`).test(code);
  const isType = (name: string): boolean => new RegExp(`: ${name}\\b`).test(code);
  const names = ['kyoa', ...Object.keys(everything)]
    .filter((name) => name !== 'default' && isUsed(name) && !isMade(name))
    .concat(types.filter(isType).map((name) => `type ${name}`));
  return names.length === 0 ? '' : `import { ${names.join(', ').replace('kyoa', 'default as kyoa')} } from 'kyoa'; `;
}

/** 'kyoa' and 'kyoa/...' are the sources here, without a build. */
export function compilerPaths(): object {
  const { exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    exports: Record<string, string | { readonly types: string }>;
  };
  return {
    paths: Object.fromEntries(
      Object.entries(exports).flatMap(([path, target]) =>
        typeof target === 'string'
          ? []
          : [[`kyoa${path.slice(1)}`, [join(root, target.types.replace(/^\.\/dist\/(.*)\.d\.ts$/, '$1.ts'))]]],
      ),
    ),
    rootDir: '/',
    types: ['node'],
    typeRoots: [join(root, 'node_modules/@types')],
    isolatedDeclarations: false,
    declaration: false,
    emitDeclarationOnly: false,
  };
}
