/** Calls a global function at the start of every function of the files that are counted. */
import { readFileSync } from 'node:fs';
import { registerHooks } from 'node:module';
import { fileURLToPath } from 'node:url';

import { transformSync } from 'oxc-transform';
import { parseAst } from 'rollup/parseAst';

/** A node of ESTree, as far as a search for functions needs it. */
interface Node {
  readonly type: string;
  readonly start: number;
  readonly end: number;
  readonly body?: Node;
  readonly id?: { readonly name?: string } | null;
  readonly key?: { readonly name?: string };
}

interface Insertion {
  readonly at: number;
  readonly text: string;
}

/** `enter` is the name of the global function. It receives the file and the name of the function that begins. */
export function callAtEveryFunction(enter: string, isCounted: (file: string) => boolean): void {
  registerHooks({
    load(url, context, nextLoad) {
      const loaded = nextLoad(url, context);
      const file = url.startsWith('file:') ? fileURLToPath(url) : '';
      if (!isCounted(file)) return loaded;
      const { code } = transformSync(file, readFileSync(file, 'utf8'), { target: 'es2022' });
      return { ...loaded, format: 'module', source: withCalls(code, `globalThis.${enter}`) };
    },
  });
}

function withCalls(code: string, enter: string): string {
  const insertions: Insertion[] = [];
  visit(parseAst(code) as unknown as Node, ({ body }, name) => {
    const call = `${enter}(import.meta.filename, ${JSON.stringify(name)})`;
    if (body!.type === 'BlockStatement') insertions.push({ at: body!.start + 1, text: `${call};` });
    else insertions.push({ at: body!.start, text: `(${call}, ` }, { at: body!.end, text: ')' });
  });
  insertions.sort((a, b) => b.at - a.at);
  return insertions.reduce((text, { at, text: inserted }) => text.slice(0, at) + inserted + text.slice(at), code);
}

const functions = new Set(['FunctionDeclaration', 'FunctionExpression', 'ArrowFunctionExpression']);

/** A function without a name of its own has that of the variable, property or function around it. */
function visit(node: Node, found: (node: Node, name: string) => void, outer = ''): void {
  const name = node.key?.name ?? node.id?.name ?? outer;
  if (functions.has(node.type)) found(node, name);
  for (const value of Object.values(node) as unknown[]) {
    for (const child of Array.isArray(value) ? (value as unknown[]) : [value])
      if (isNode(child)) visit(child, found, name);
  }
}

function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && typeof (value as Node).type === 'string';
}
