/** The output of every benchmark: machine, versions and tables, and the figures as JSON in bench/results. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { findPackageJSON } from 'node:module';
import { cpus, loadavg } from 'node:os';

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
export function printTable(columns: readonly string[], rows: readonly (readonly (string | number)[])[]): void {
  console.log(`\n| | ${columns.join(' | ')} |`);
  console.log(`|---|${'---|'.repeat(columns.length)}`);
  for (const row of rows)
    console.log(`| ${row.map((cell) => (typeof cell === 'number' ? whole(cell) : cell)).join(' | ')} |`);
}

function whole(figure: number): string {
  return (Math.round(figure) || 0).toLocaleString('en');
}

export function printLeftOut(entries: object, present: readonly (readonly [string, unknown])[]): void {
  const names = new Set(present.map(([name]) => name));
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
