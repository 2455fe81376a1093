/** Each block of the pages is of a kind that a test checks. `code.test.ts` has those of TypeScript and JavaScript. */
import { existsSync, globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { parser } from '@grafana/lezer-logql';
import { checkPolicy } from 'kyoa/policy';
import { expect, test } from 'vitest';

import { sentenceOf } from '../../src/policy/policy-error.ts';
import { root } from '../support/lanes.ts';
import { pages } from './pages.ts';

const all = pages.flatMap(({ file, blocks }) =>
  blocks.map((block) => ({ ...block, file, place: `${file}:${block.line}` })),
);
const of = (...languages: readonly string[]) => all.filter(({ language }) => languages.includes(language));

interface Manifest {
  readonly scripts?: Readonly<Record<string, string>>;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
}
const manifests = ['package.json', 'test/consumers/project/package.json', 'test/frameworks/project/package.json'].map(
  (file) => JSON.parse(readFileSync(join(root, file), 'utf8')) as Manifest,
);
/** The packages with which some test runs kyoa. */
const packages = new Set([
  'kyoa',
  ...manifests.flatMap(({ dependencies, devDependencies }) => Object.keys({ ...dependencies, ...devDependencies })),
]);

/** What is right about a command, by its beginning. The commands of docs/command-line.md run in `command.test.ts`. */
const commands: readonly (readonly [RegExp, (rest: string, text: string) => boolean])[] = [
  [
    /^npm (?:install|uninstall) (?:--save-dev )?/,
    (rest) => rest.split(' ').every((name) => packages.has(nameOf(name))),
  ],
  [/^npm (?:ci|test|init -y|start|ci && npm start|pkg set type=module)$/, () => true],
  [/^npm run /, (rest) => manifests[0]!.scripts![rest.split(' ')[0]!] !== undefined],
  [/^npm create vite@latest shop -- --template /, (rest) => /^[\w-]+ --no-interactive$/.test(rest)],
  [/^npx (?:create-next-app@latest shop|@nestjs\/cli@latest new shop|nest generate controller users) ?/, () => true],
  [/^npx kyoa (?:check|load|advise|drill|--help)/, () => true],
  [/^node_modules\/\.bin\/node /, (rest) => existsSync(join(root, rest.split(' ')[0]!))],
  [/^(?:[A-Z_]+=\S+ )*node /, (rest, text) => text.includes(rest)],
  [/^cd shop$/, () => true],
  [/^curl localhost:3000\/users\/1$/, (_, text) => text.includes('3000') || text.includes('npm start')],
];

function nameOf(spec: string): string {
  return spec.replace(/(?<=.)@.*/, '');
}

test('no block is of another kind', () => {
  const kinds = ['ts', 'tsx', 'typescript', 'js', 'html', 'json', 'sh', 'text'];
  expect(all.filter(({ language }) => !kinds.includes(language)).map(({ place }) => place)).toEqual([]);
});

test.each(of('sh'))('the commands at $place are those of this repository and of tested packages', ({ file, code }) => {
  const { text } = pages.find((page) => page.file === file)!;
  const unknown = code
    .split('\n')
    .map((line) => line.replace(/\s+#.*/, ''))
    .filter((line) => !commands.some(([begin, isRight]) => begin.test(line) && isRight(line.replace(begin, ''), text)));
  expect(unknown).toEqual([]);
});

test.each(of('json'))('the JSON at $place is JSON', ({ code }) => {
  expect(JSON.parse(code)).toBeTypeOf('object');
});

test.each(of('html'))(
  'the page at $place shows a file that is tested, or the element of the playground',
  ({ code }) => {
    const shown = /^<!-- (docs\/examples\/\S+) -->/.exec(code)?.[1];
    if (shown !== undefined) expect(readFileSync(join(root, shown), 'utf8')).toContain('<script');
    else
      expect(code).toMatch(/^<script type="module" src="playground\/embed.js"><\/script>\n<kyoa-live policy="retry">/);
  },
);

/** The files of which a recipe or the service of a page is a part. `proof:package` and `test:frameworks` run them. */
const sources = globSync(['test/recipes/*.ts', 'test/frameworks/project/**/*.{ts,tsx}'], { cwd: root }).map((file) =>
  readFileSync(join(root, file), 'utf8'),
);

test.each(of('typescript'))('the code at $place is part of a file that runs', ({ code }) => {
  const parts = code.split(/^\s*\/\/ \.\.\.\n/m).map((part) => part.trimEnd());
  expect(sources.some((source) => parts.every((part) => source.includes(part)))).toBe(true);
});

const nextPage = pages.find(({ file }) => file === 'docs/recipes/next.md')!.text;

/** What is right about each text, by its first line. Outputs of the commands with measured figures have the words of the commands. */
const texts: readonly (readonly [RegExp, (code: string) => void])[] = [
  [
    /^playground, bench, test$/,
    (code) => {
      const named = code.split('\n').flatMap((line) => line.match(/(?:src|adapters)\/[\w./-]*/g) ?? []);
      expect(named.length).toBeGreaterThan(10);
      expect(named.filter((path) => !existsSync(join(root, path.replace('/x/', '/'))))).toEqual([]);
    },
  ],
  [
    /^#1 GET /,
    (code) => code.split('\n').forEach((line) => expect(line).toMatch(/^#\d GET api\.example\.com\/\w+: \w+:? /)),
  ],
  [
    /^CATALOG_URL=/,
    (code) => code.split('\n').forEach((line) => expect(nextPage).toContain(`process.env['${line.split('=')[0]}']`)),
  ],
  [/^operations\/s/, (code) => code.split('\n').forEach((line) => expect(line).toMatch(/^[\w/ ]+  = {2}[\w +×]+$/))],
  [
    /^\{job=/,
    (code) => {
      for (const query of code.split('\n')) {
        const faults: string[] = [];
        parser
          .parse(query)
          .iterate({ enter: ({ type, from }) => void (type.isError && faults.push(query.slice(from))) });
        expect(faults).toEqual([]);
      }
    },
  ],
  [
    /^line 4, use\[1\]/,
    (code) => {
      const lines = ['{', '"use": [', '{ "timeout": 1000 },', '{ "retry": { "retries": "two" } }', '],'];
      lines.push('"routes": {', '"GET /users/*": {', '"timeout": 500,', '"hedge": 0.1', '} } }');
      expect(checkPolicy(lines.join('\n')).problems.map(sentenceOf)).toEqual(code.split('\n'));
    },
  ],
];

test.each(of('text').filter(({ file }) => file !== 'docs/command-line.md'))(
  'the text at $place is right',
  ({ code }) => {
    const [, check] = texts.find(([begin]) => begin.test(code.split('\n')[0]!))!;
    check(code);
  },
);
