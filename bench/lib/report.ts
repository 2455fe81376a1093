/** The output of every benchmark: machine, versions and tables, and the figures as JSON in bench/results. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { findPackageJSON } from 'node:module';
import { cpus, loadavg } from 'node:os';
import { shapeNames, type ShapeName } from './shapes.ts';
import { ratios, type Results } from './turns.ts';

export type Versions = Readonly<Record<string, string | undefined>>;

export const machine: string = `${cpus().length} x ${cpus()[0]!.model}, load ${loadavg()[0]!.toFixed(1)}`;

/** The versions of Node, of its bundled undici, and of the packages; `undefined` for a package that is not installed. */
export async function versionsOf(packages: Iterable<string>): Promise<Versions> {
  const versions: Record<string, string | undefined> = {
    node: process.versions.node,
    'undici (global fetch)': process.versions['undici'],
  };
  for (const name of new Set(packages)) versions[name] = await versionOf(name);
  return versions;
}

async function versionOf(name: string): Promise<string | undefined> {
  try {
    const manifest = JSON.parse(await readFile(findPackageJSON(name, import.meta.url)!, 'utf8')) as { version: string };
    return manifest.version;
  } catch {
    return undefined;
  }
}

/** The entries whose packages are all installed. */
export function installed<Entry extends { readonly packages?: readonly string[] }>(
  entries: Readonly<Record<string, Entry>>,
  versions: Versions,
): [name: string, entry: Entry][] {
  return Object.entries(entries).filter(([, { packages = [] }]) => packages.every((name) => versions[name]));
}

export function printHead(what: string, versions: Versions): void {
  console.log(what);
  console.log([machine, ...Object.entries(versions).map(([name, version]) => `${name} ${version ?? '-'}`)].join(', '));
}

/** Prints a Markdown table. Numbers are rounded to integers; a cell with decimals is passed as text. */
export function printTable(
  columns: readonly string[],
  rows: readonly (readonly (string | number)[])[],
  title: string = '',
): void {
  console.log(`\n| ${title && `${title} `}| ${columns.join(' | ')} |`);
  console.log(`|---|${'---|'.repeat(columns.length)}`);
  for (const row of rows)
    console.log(`| ${row.map((cell) => (typeof cell === 'number' ? whole(cell) : cell)).join(' | ')} |`);
}

/**
 * Prints a table of medians with a row for each contender and a column for each shape: of a figure, or with `over` of its
 * ratio to that of another contender in the same round.
 */
export function printMedians<Figures>(
  title: string,
  results: Results<Figures>,
  figure: (figures: Figures) => number,
  { over, decimals = over === undefined ? 0 : 2 }: { readonly over?: string; readonly decimals?: number } = {},
): void {
  const cell = (mine: readonly Figures[] | undefined, shape: ShapeName): string => {
    if (mine === undefined) return '-';
    const values = over === undefined ? mine.map(figure) : ratios(mine, results[over]![shape]!, figure);
    return median(values).toLocaleString('en', { minimumFractionDigits: decimals, maximumFractionDigits: decimals });
  };
  const shapes = shapesOf(results);
  printTable(
    shapes,
    Object.entries(results).map(([name, mine]) => [name, ...shapes.map((shape) => cell(mine[shape], shape))]),
    over === undefined ? title : `${title}, over ${over}`,
  );
}

/** Names the shapes that are missing in some rows, and why. */
export function printWithout(
  results: Results<unknown>,
  contenders: Readonly<Record<string, { readonly without?: readonly ShapeName[] }>>,
): void {
  for (const shape of shapesOf(results)) {
    const names = Object.keys(results).filter((name) => contenders[name]!.without?.includes(shape));
    if (names.length > 0) console.log(`\nWithout a ${shape}: ${names.join(', ')}`);
  }
}

/** The responses that were not the expected ones. */
export function printWrong(results: Results<{ readonly wrong: number }>): void {
  const wrong = Object.entries(results).flatMap(([name, mine]) =>
    Object.entries(mine)
      .map(([shape, rounds]): [string, number] => [shape, rounds.reduce((sum, { wrong }) => sum + wrong, 0)])
      .filter(([, count]) => count > 0)
      .map(([shape, count]) => `${count} of ${name}, ${shape}`),
  );
  console.log(`\nWrong responses: ${wrong.join('; ') || 'none'}`);
}

function shapesOf(results: Results<unknown>): ShapeName[] {
  return shapeNames.filter((shape) => Object.values(results).some((mine) => mine[shape]));
}

function whole(figure: number): string {
  return (Math.round(figure) || 0).toLocaleString('en');
}

export function printLeftOut(entries: object, present: Iterable<readonly [string, unknown]>): void {
  const names = new Set(Array.from(present, ([name]) => name));
  const missing = Object.keys(entries).filter((name) => !names.has(name));
  if (missing.length > 0) console.log(`\nLeft out: ${missing.join(', ')}. To include them: npm install --prefix bench`);
}

export async function save(name: string, results: object): Promise<void> {
  const file = new URL(`../results/${name}.json`, import.meta.url);
  await mkdir(new URL('.', file), { recursive: true });
  await writeFile(file, `${JSON.stringify({ machine, ...results }, null, 2)}\n`);
}

export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!;
}
