/** The public names of each entry point, with the doc comments that an editor shows for them. */
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

import { root } from '../support/lanes.ts';

export interface PublicName {
  readonly entry: string;
  readonly name: string;
  readonly kind: 'function' | 'const' | 'class' | 'interface' | 'type';
  /** The text before the first tag. */
  readonly text: string;
  readonly examples: readonly string[];
  readonly links: readonly string[];
}

const { exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  exports: Record<string, string | { readonly types: string }>;
};

/** Names that ky exports are ky's to document. */
export const publicNames: readonly PublicName[] = Object.entries(exports).flatMap(([path, target]) =>
  typeof target === 'string'
    ? []
    : namesOf(join(root, target.types.replace(/^\.\/dist\/(.*)\.d\.ts$/, '$1.ts'))).map((name) => ({
        entry: `kyoa${path.slice(1)}`,
        ...name,
      })),
);

type Name = Omit<PublicName, 'entry'>;

function namesOf(file: string): Name[] {
  const source = readFileSync(file, 'utf8');
  const declared = source.matchAll(/^export (?:async )?(function|const|class|interface|type) (\w+)/gm);
  const passedOn = source.matchAll(/^export (?:type )?\{([^}]*)\} from '([^']+)';/gm);
  return [
    ...Array.from(declared, ([, kind, name]) => read(source, kind as Name['kind'], name!)),
    ...Array.from(passedOn).flatMap(([, list, path]) => {
      const target = join(dirname(file), path!);
      const names = list!.split(',').map((name) => name.trim().replace(/ as \w+$/, ''));
      return names.flatMap((name) => (name === '' ? [] : find(target, name === 'default' ? 'kyoa' : name)));
    }),
  ];
}

function find(file: string, name: string): Name[] {
  const source = readFileSync(file, 'utf8');
  const found = new RegExp(`^(?:export )?(?:async )?(function|const|class|interface|type) ${name}\\b`, 'm').exec(
    source,
  );
  if (found !== null) return [read(source, found[1] as Name['kind'], name)];
  if (/^export \* from 'ky';/m.test(source)) return [];
  const [, , path] =
    new RegExp(`^export (type )?\\{[^}]*\\b${name}\\b[^}]*\\} from '([^']+)';`, 'm').exec(source) ?? [];
  if (path === undefined) throw new Error(`${file} does not export ${name}`);
  return find(join(dirname(file), path), name);
}

function read(source: string, kind: Name['kind'], name: string): Name {
  const declaration = new RegExp(
    `(?:^(/\\*\\*(?:(?!\\*/)[^])*\\*/)\\n)?^(?:export )?(?:async )?${kind} ${name}\\b`,
    'm',
  );
  const comment = declaration.exec(source)?.[1] ?? '';
  const lines = comment.replace(/^\/\*\*\s?|\s*\*\/$/g, '').replace(/^ \* ?/gm, '');
  const [text = '', ...tags] = lines.split(/^(?=@\w+)/m).map((part) => part.trim());
  return {
    kind,
    name,
    text,
    examples: tags.flatMap((tag) => (/^@example\s+```ts\n([^]*?)\n```/.exec(tag) ?? []).slice(1)),
    links: tags.flatMap((tag) => (/^@see (https:\S+)/.exec(tag) ?? []).slice(1)),
  };
}
