/** What the sources say of an option: its `@default`, and what the code puts in its place. */
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { root } from '../support/lanes.ts';

export interface Facts {
  readonly required: boolean;
  /** The text after `@default`. */
  readonly told: string | undefined;
  /** What stands behind `??` or `=` for this option; several, where it depends on where the policy runs. */
  readonly coded: readonly string[];
}

const sources = globSync(['src/**/*.ts', 'adapters/**/*.ts'], { cwd: root }).map((file) =>
  readFileSync(join(root, file), 'utf8'),
);

/** Of the interface of that name, and those that it extends. */
export function optionsOf(name: string): Map<string, Facts> {
  const pattern = new RegExp(`export interface ${name}(?: extends (\\w+))? \\{\\n([^]*?)\\n\\}`);
  for (const source of sources) {
    const [, parent, body] = pattern.exec(source) ?? [];
    if (body === undefined) continue;
    const inherited = parent === undefined ? [] : [...optionsOf(parent)];
    return new Map([...inherited, ...membersOf(body).map(({ name, ...facts }) => [name, facts] as const)].map(coded));

    function coded([name, facts]: readonly [string, Omit<Facts, 'coded'>]): [string, Facts] {
      return [name, { ...facts, coded: defaultsIn(source, name) }];
    }
  }
  throw new Error(`No source has an interface ${name}`);
}

function membersOf(body: string): (Omit<Facts, 'coded'> & { name: string })[] {
  const members = body.matchAll(/(?:\/\*\*([^]*?)\*\/\s*)?^ {2}readonly (\w+)(\??):/gm);
  return Array.from(members, ([, comment, name, optional]) => ({
    name: name!,
    required: optional === '',
    told: /@default ([^]*)$/.exec((comment ?? '').replace(/\s*\n\s*\*\s?/g, ' '))?.[1]?.trim(),
  }));
}

/** `options.name ?? value`, and `{ name = value }`. */
function defaultsIn(source: string, name: string): string[] {
  const places = source.matchAll(new RegExp(`\\boptions\\.${name} \\?\\? |[{,] ${name} = `, 'g'));
  const values = Array.from(places, ({ 0: place, index }) => valueAt(source, index + place.length));
  return [...new Set(values.map((value) => constant(source, value)))];
}

/** Up to the comma, bracket or semicolon that ends it. */
function valueAt(source: string, start: number): string {
  let depth = 0;
  for (let at = start; at < source.length; at += 1) {
    const letter = source[at]!;
    if ('([{'.includes(letter)) depth += 1;
    if (')]}'.includes(letter)) depth -= 1;
    if (depth < 0 || (depth === 0 && ',;'.includes(letter)) || source.startsWith(' }', at)) {
      if (depth <= 0) return source.slice(start, at).trim();
    }
  }
  return source.slice(start);
}

/** The value of a constant, of this file or of another, a product worked out. */
function constant(source: string, value: string): string {
  const named = new RegExp(`^(?:export )?const ${value}(?:: [^=]+)? = ([^]*?);$`, 'm');
  const found = /^[a-z]+$/i.test(value) ? [source, ...sources].find((text) => named.test(text)) : undefined;
  const text = (found && named.exec(found)?.[1]) ?? value;
  if (!/^[\d_]+( \* [\d_]+)+$/.test(text)) return text;
  return String(text.split(' * ').reduce((product, factor) => product * Number(factor.replaceAll('_', '')), 1));
}
