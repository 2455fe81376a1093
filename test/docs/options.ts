/** The options of a table: their declared defaults, and the `@default` of their doc comments. */
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { schemas, type OptionSchema } from 'kyoa/policy';

import { root } from '../support/lanes.ts';

export interface Facts {
  readonly required: boolean;
  /** The text after `@default`. */
  readonly documented: string | undefined;
  /** The declared default, if it is plain data. */
  readonly declared: unknown;
}

const sources = globSync(['src/**/*.ts', 'adapters/**/*.ts'], { cwd: root }).map((file) =>
  readFileSync(join(root, file), 'utf8'),
);

const policies = Object.entries(schemas).map(([name, { options }]) => [name, options] as const);
const objects = policies.flatMap(([, options]) =>
  Object.entries(options).flatMap(([name, option]) => (option.options ? [[name, option.options] as const] : [])),
);
const declarations = new Map<string, Readonly<Record<string, OptionSchema>>>([...objects, ...policies]);

/** Of a policy, of an object among its options, or of another function. */
export function optionsOf(name: string): Map<string, Facts> {
  const members = membersOf(`${name[0]!.toUpperCase()}${name.slice(1)}Options`);
  const declaration = declarations.get(name);
  // The transport declares its options in its interface only.
  if (declaration === undefined)
    return new Map(Array.from(members, ([option, facts]) => [option, { ...facts, declared: undefined }]));
  return new Map(
    Object.entries(declaration).map(([option, { required, default: declared }]) => [
      option,
      { required, documented: members.get(option)?.documented, declared },
    ]),
  );
}

/** Of the interface of that name, and of the interfaces that it extends. */
function membersOf(name: string): Map<string, Omit<Facts, 'declared'>> {
  const pattern = new RegExp(`export interface ${name}(?:<[^{]*>)?(?:\\s+extends ([^{]+?))? \\{\\n([^]*?)\\n\\}`);
  const [, extended = '', body] = sources.flatMap((source) => pattern.exec(source) ?? []);
  if (body === undefined) throw new Error(`No source has an interface ${name}`);
  const own = Array.from(
    body.matchAll(/(?:\/\*\*([^]*?)\*\/\s*)?^ {2}readonly (\w+)(\??):/gm),
    ([, comment = '', option, optional]) => {
      const documented = /@default ([^]*)$/.exec(comment.replace(/\s*\n\s*\*\s?/g, ' '))?.[1]?.trim();
      return [option!, { required: optional === '', documented }] as const;
    },
  );
  const parents = extended.split(',').filter((parent) => /^\w+$/.test(parent));
  return new Map([...parents.flatMap((parent) => [...membersOf(parent)]), ...own]);
}
