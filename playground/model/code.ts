/** Generates the code of a stack, as a user would write it. */
import { express } from './catalogue.ts';
import { namesIn } from './expression.ts';
import { print } from './print.ts';
import type { CodeForm, Stack } from './types.ts';

/** The origin of the calls in the code. */
const example = 'https://api.example.com';

/**
 * The code contains the enabled layers, and only the options that differ from kyoa's defaults. `origin` is the prefix of
 * the API's paths.
 */
export function generate(stack: Stack, form: CodeForm, origin: string = example): string {
  const layers = stack.filter(({ on }) => on).map((entry) => express(entry, origin));
  const names = ['createFetch', ...layers.flatMap(namesIn)];
  const ofKyoa = [...new Set(names)].filter((name) => name !== 'indexeddb').toSorted();
  const scope = form === 'script tag' ? 'kyoa.' : '';
  const uses = layers.map((layer) => `    ${print(layer, 4, scope)},\n`).join('');
  const use = layers.length === 0 ? '[]' : `[\n${uses}  ]`;
  const creation = `const fetch = ${scope}createFetch({\n  use: ${use},\n});\n`;
  const usage = `const response = await fetch(${print(`${origin}/api/items?id=1`)});\n`;

  if (form === 'script tag') {
    return [
      '<script src="https://cdn.example.com/kyoa.global.js"></script>\n',
      `<script type="module">\n${`${creation}\n${usage}`.replaceAll(/^(?=.)/gm, '  ')}</script>\n`,
    ].join('');
  }
  const imports = [
    `import { ${ofKyoa.join(', ')} } from 'kyoa';\n`,
    names.includes('indexeddb') ? `import { indexeddb } from 'kyoa/indexeddb';\n` : '',
  ];
  return `${imports.join('')}\n${creation}\n${usage}`;
}
