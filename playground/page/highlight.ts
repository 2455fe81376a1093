/** Simple syntax highlighting for TypeScript and HTML: comments, strings, numbers, keywords and calls. */
import { h } from './dom.ts';

const kinds = ['comment', 'string', 'number', 'keyword', 'call'] as const;

const token = new RegExp(
  [
    /(\/\/[^\n]*|\/\*[^]*?\*\/|<!--[^]*?-->)/,
    /('(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"|`(?:[^`\\]|\\.)*`)/,
    /(\b\d[\d_.]*\b)/,
    /(\b(?:import|from|export|default|const|let|await|async|return|new|true|false|undefined|function|type)\b|<\/?[a-z]+|\/?>)/,
    /(\b[a-zA-Z]+(?=\())/,
  ]
    .map(({ source }) => source)
    .join('|'),
  'g',
);

export function highlight(code: string): (Node | string)[] {
  const parts: (Node | string)[] = [];
  let end = 0;
  for (const match of code.matchAll(token)) {
    const kind = kinds[match.slice(1).findIndex((group) => group !== undefined)]!;
    parts.push(code.slice(end, match.index), h('span', { class: `code-${kind}` }, match[0]));
    end = match.index + match[0].length;
  }
  return [...parts, code.slice(end)];
}
