/** What the tables say is what the code does: options and their defaults, events, error codes. */
import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';

import { describe, expect, test } from 'vitest';

import { root } from '../support/lanes.ts';
import { optionsOf, type Facts } from './options.ts';
import { page, pages, type Page, type Table } from './pages.ts';

const tables = pages.flatMap((page) => page.tables.map((table) => ({ ...table, page, place: place(page, table) })));
const optionTables = tables.flatMap((table) => {
  const name = /^option(?: of `(\w+)`)?$/.exec(table.header[0]!);
  return name && table.header[1] === 'default'
    ? [{ ...table, name: name[1] ?? camel(basename(table.page.file, '.md')) }]
    : [];
});
const policies = readdirSync(join(root, 'src/middleware')).map((file) => basename(file, '.ts'));

function place(page: Page, table: Table): string {
  return `${page.file}:${table.line}`;
}

function camel(name: string): string {
  return name.replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase());
}

/** The words and numbers of a default: `[408, 429]` and `408, 429` are the same, and so are `60_000` and `60,000`. */
function words(text: string): string {
  const plain = text.replace(/(\d)[_,](?=\d{3})/g, '$1').replace(/\ba day\b/g, '86400000');
  const all = plain.match(/[\w.-]+/g) ?? [];
  return all
    .filter((word) => !/^(a|and|the|or)$/.test(word))
    .join(' ')
    .toLowerCase();
}

/** A value as the code would have it. */
function literal(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(literal).join(', ')}]`;
  if (typeof value !== 'object' || value === null) return typeof value === 'string' ? `'${value}'` : String(value);
  const members = Object.entries(value).map(([name, member]) => `${name}: ${literal(member)}`);
  return `{ ${members.join(', ')} }`;
}

const isLiteral = (text: string): boolean => /^(-?[\d_.]+|'.*|\[.*|\{.*|true|false)\b/.test(text);

/** What is wrong with a cell; nothing, when it says what is declared, or documented where nothing is. */
function fault(cell: string, { required, documented, declared }: Facts): string | undefined {
  if (required) return cell === 'required' ? undefined : 'it is required';
  const value = declared === undefined ? undefined : literal(declared);
  if (value !== undefined && documented !== undefined && isLiteral(documented)) {
    if (!words(documented).startsWith(words(value))) return `the comment has ${documented}, the code ${value}`;
  }
  // A cell and a comment may go on after the default.
  const said = [cell, cell.replace(/; .*| \(.*/, '')].map(words);
  const known = [value, documented, documented?.replace(/[,:] .*/, '')].filter((text) => text !== undefined);
  if (known.length > 0)
    return known.some((text) => said.includes(words(text))) ? undefined : `the code has ${known[0]}`;
  return /^[^\d`]*$/.test(cell) ? undefined : 'there is no default';
}

describe('options', () => {
  test('are in tables', () => {
    expect(optionTables.length).toBeGreaterThan(15);
  });

  test.each(optionTables)('of $name at $place are those of the code, with their defaults', ({ name, rows }) => {
    const options = optionsOf(name);
    const said = rows.flatMap(([names, cell]) => {
      const each = Array.from(names!.matchAll(/`(\w+)`/g), ([, option]) => option!);
      const defaults = each.length === 1 ? [cell!] : cell!.split(', ');
      return each.map((option, index) => [option, defaults[index] ?? ''] as const);
    });
    expect(said.map(([option]) => option).toSorted()).toEqual([...options.keys()].toSorted());
    const faults = said.map(([option, cell]) => [option, cell, fault(cell, options.get(option)!)]);
    expect(faults.filter(([, , fault]) => fault !== undefined)).toEqual([]);
  });

  test.each(policies)('of %s have a page of their own', (policy) => {
    const found = pages.filter(({ file }) => basename(file) === `${policy}.md`);
    expect(found.map(({ file }) => file)).toHaveLength(1);
  });
});

/** Of a source: the quoted names in the lines that `pattern` finds. */
function namesIn(file: string, pattern: RegExp): string[] {
  const found = readFileSync(join(root, file), 'utf8').matchAll(pattern);
  return Array.from(found, ([line]) => Array.from(line.matchAll(/'([^']+)'/g), ([, name]) => name!)).flat();
}

const listed =
  (header: string) =>
  (table: Table): string[] =>
    table.header[0] === header
      ? table.rows.flatMap(([cell]) => Array.from(cell!.matchAll(/`([^`]+)`/g), ([, name]) => name!))
      : [];

describe('events', () => {
  const events = namesIn('src/core/events.ts', /readonly type:( '[\w.-]+'( \|)?)+/g);

  test('in docs/events.md are those that there are', () => {
    expect(page('docs/events.md').tables.flatMap(listed('event')).toSorted()).toEqual(events.toSorted());
  });

  test.each(policies)('of %s are all on its page, and on no page is one that there is not', (policy) => {
    const { tables } = pages.find(({ file }) => basename(file) === `${policy}.md`)!;
    const said = tables.flatMap(listed('event'));
    // `endpoints` speaks of one endpoint.
    const own = events.filter((event) => event.startsWith(`${policy.replace(/^endpoints$/, 'endpoint')}.`));
    expect(said.filter((event) => !events.includes(event))).toEqual([]);
    expect(own.filter((event) => !said.includes(event))).toEqual([]);
  });
});

describe('error codes', () => {
  const codes = namesIn('src/core/errors.ts', /export type KyoaErrorCode =[^;]+;/g);

  test('in docs/errors.md are those that there are', () => {
    expect(page('docs/errors.md').tables.flatMap(listed('`code`')).toSorted()).toEqual(codes.toSorted());
  });

  test('on all pages are among them', () => {
    const said = pages.flatMap(({ text }) => text.match(/`[A-Z]+_[A-Z_]+`/g) ?? []).map((code) => code.slice(1, -1));
    expect(said.filter((code) => !codes.includes(code) && !/^(CHROMIUM_PATH|E[A-Z]+|UND_ERR_|Z_)/.test(code))).toEqual(
      [],
    );
  });
});
