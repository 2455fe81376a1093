/** The Markdown of the repository, taken apart: headings, links, tables, blocks of code. */
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { slug } from '../../docs/.vitepress/slug.ts';
import { root } from '../support/lanes.ts';

export interface Page {
  /** From the root of the repository. */
  readonly file: string;
  readonly text: string;
  readonly blocks: readonly Block[];
  readonly tables: readonly Table[];
  readonly links: readonly string[];
  /** As GitHub makes them of headings. */
  readonly anchors: ReadonlySet<string>;
}

export interface Block {
  /** Where its code begins, 1-based. */
  readonly line: number;
  readonly language: string;
  /** What follows the language: `no_run` where a block can be checked but not run here. */
  readonly note: string;
  readonly code: string;
}

export interface Table {
  readonly line: number;
  readonly header: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

export const pages: readonly Page[] = globSync(['*.md', 'docs/**/*.md'], { cwd: root }).sort().map(read);

export function page(file: string): Page {
  const found = pages.find((page) => page.file === file);
  if (found === undefined) throw new Error(`There is no page ${file}`);
  return found;
}

function read(file: string): Page {
  const text = readFileSync(join(root, file), 'utf8');
  const { blocks, prose } = parts(text);
  return { file, text, blocks, tables: tablesOf(prose), links: linksOf(prose), anchors: anchorsOf(prose) };
}

/** The blocks of code, and the lines without them. */
function parts(text: string): { blocks: Block[]; prose: string[] } {
  const blocks: Block[] = [];
  let open: { line: number; info: string; code: string[] } | undefined;
  const prose = text.split('\n').map((line, index) => {
    const info = /^```(.*)$/.exec(line)?.[1];
    if (open === undefined) {
      if (info === undefined) return line;
      open = { line: index + 2, info, code: [] };
    } else if (info === undefined) open.code.push(line);
    else {
      const [language = '', ...note] = open.info.split(' ');
      blocks.push({ line: open.line, language, note: note.join(' '), code: open.code.join('\n') });
      open = undefined;
    }
    return '';
  });
  if (open !== undefined) throw new Error(`The block of line ${open.line} has no end`);
  return { blocks, prose };
}

function tablesOf(lines: readonly string[]): Table[] {
  return lines.flatMap((line, index) => {
    if (!/^\|(\s*:?-+:?\s*\|)+$/.test(line)) return [];
    const end = lines.findIndex((later, at) => at > index && !later.startsWith('|'));
    const rows = lines.slice(index + 1, end < 0 ? lines.length : end).map(cells);
    return [{ line: index, header: cells(lines[index - 1]!), rows }];
  });
}

/** A bar within a cell is written `\|`. */
function cells(line: string): string[] {
  const inner = line.replace(/^\s*\|/, '').replace(/\|\s*$/, '');
  return inner.split(/(?<!\\)\|/).map((cell) => cell.trim().replaceAll('\\|', '|'));
}

function linksOf(lines: readonly string[]): string[] {
  const text = lines.join('\n').replace(/`[^`\n]*`/g, '');
  const links = text.matchAll(/(?:\]\(\s*| (?:src|srcset)=")([^)"\s]+)/g);
  return Array.from(links, ([, target]) => target!);
}

function anchorsOf(lines: readonly string[]): ReadonlySet<string> {
  const anchors = new Set<string>();
  for (const line of lines) {
    const heading = /^#{1,6} (.*)$/.exec(line)?.[1];
    if (heading === undefined) continue;
    const anchor = slug(heading);
    let unique = anchor;
    for (let n = 1; anchors.has(unique); n += 1) unique = `${anchor}-${n}`;
    anchors.add(unique);
  }
  return anchors;
}
