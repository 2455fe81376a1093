/** Generates the code of a stack, as a user would write it. It runs as it is pasted. */
import { express } from './catalogue.ts';
import { call, isList, namesIn } from './expression.ts';
import type { Call, Expression } from './expression.ts';
import { print } from './print.ts';
import type { CodeForm, Stack } from './types.ts';

/** The URL of the page in the code, without a slash at its end. */
const example = 'https://api.example.com';

/**
 * The code contains the enabled layers, and only the options that differ from kyoa's defaults. `page` is the URL of the
 * page, whose host responds to the calls of the code.
 */
export function generate(stack: Stack, form: CodeForm, page: string = example): string {
  const layers = stack.filter(({ on }) => on).map((entry) => express(entry, page));
  // These policies replace the origin of a URL by that of the page with a region.
  const isRegional = layers.some(({ callee }) => callee === 'endpoints' || callee === 'race');
  const url = `${isRegional ? new URL(page).origin : page}/api/items.json?id=1`;
  return form === 'page' ? document(layers, url, page) : module(layers.map(inNode) as readonly Call[], url);
}

function module(layers: readonly Call[], url: string): string {
  const names = ['createFetch', ...layers.flatMap(namesIn)];
  const ofKyoa = [...new Set(names)].filter((name) => name !== 'file').toSorted();
  const imports = [
    `import { ${ofKyoa.join(', ')} } from 'kyoa';\n`,
    names.includes('file') ? `import { file } from 'kyoa/file';\n` : '',
  ];
  return [
    '// npm install kyoa, save this as call.mjs, node call.mjs\n',
    `${imports.join('')}\n${creation(layers, '')}\n`,
    `const response = await fetch(${print(url)});\n`,
    'console.log(response.status, await response.json());\n',
  ].join('');
}

function document(layers: readonly Call[], url: string, page: string): string {
  const script = [
    `${creation(layers, 'kyoa.')}\n`,
    `const response = await fetch(${print(url)});\n`,
    'document.body.append(response.status, await response.text());\n',
  ].join('');
  return [
    '<!doctype html>\n<meta charset="utf-8" />\n<title>kyoa</title>\n',
    `<script src="${page}/kyoa.global.js"></script>\n`,
    `<script type="module">\n${script.replaceAll(/^(?=.)/gm, '  ')}</script>\n`,
  ].join('');
}

function creation(layers: readonly Call[], scope: string): string {
  const uses = layers.map((layer) => `    ${print(layer, 4, scope)},\n`).join('');
  return `const fetch = ${scope}createFetch({\n  use: ${layers.length === 0 ? '[]' : `[\n${uses}  ]`},\n});\n`;
}

/** Node has no IndexedDB. A file outlives the process as the database of a browser outlives the page. */
function inNode(expression: Expression): Expression {
  if (typeof expression !== 'object') return expression;
  if (isList(expression)) return expression.map(inNode);
  if (expression.kind === 'members') {
    const given = Object.entries(expression.of).map(([name, value]) => [name, value && inNode(value)] as const);
    return { ...expression, of: Object.fromEntries(given) };
  }
  if (expression.kind !== 'call') return expression;
  return expression.callee === 'indexeddb'
    ? call('file', './kyoa.db')
    : { ...expression, args: expression.args.map(inNode) };
}
