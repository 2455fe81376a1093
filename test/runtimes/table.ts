/** The table of docs/runtimes.md: a row for each capability, a column for each kind of runtime. */
import { capabilities, type Capability } from './capabilities.ts';

/** The outcome of one runtime. */
export interface Report {
  readonly name: string;
  readonly column: string;
  readonly version: string;
  readonly without: Readonly<Partial<Record<Capability, string>>>;
  readonly passed: readonly string[];
  readonly failures: readonly { readonly name: string; readonly error: string }[];
  readonly seconds: number;
}

const begin = '<!-- npm run test:runtimes -- --write -->';
const end = '<!-- end of the table -->';

/** The label of the row of versions. It is not compared: a new release of a runtime is not a difference. */
const versions = 'tested with';

export function tableOf(reports: readonly Report[]): string {
  const columns = [...new Set(reports.map(({ column }) => column))];
  const of = (column: string): Report[] => reports.filter((report) => report.column === column);
  const rows = [
    ['', ...columns],
    ['---', ...columns.map(() => '---')],
    [versions, ...columns.map((column) => [...new Set(of(column).map(({ version }) => version))].join(', '))],
    ...capabilities.map((capability) => [capability, ...columns.map((column) => cell(capability, of(column)))]),
  ];
  return rows.map((row) => `| ${row.join(' | ')} |`).join('\n');
}

/** `✓` if it was tested in all runtimes of the column, else the reason why not. */
function cell(capability: Capability, reports: readonly Report[]): string {
  const [reason] = reports.flatMap(({ without }) => without[capability] ?? []);
  if (reason !== undefined) return reason;
  return reports.every(({ passed }) => passed.includes(capability)) ? '✓' : 'fails';
}

export function withTable(page: string, table: string): string {
  const [before, after] = [page.indexOf(begin), page.indexOf(end)];
  if (before < 0 || after < before) throw new Error(`The page needs the lines ${begin} and ${end}`);
  return `${page.slice(0, before)}${begin}\n\n${table}\n\n${page.slice(after)}`;
}

/** The table of the page. */
export function tableIn(page: string): string {
  const [before, after] = [page.indexOf(begin), page.indexOf(end)];
  return before < 0 ? '' : page.slice(before + begin.length, after).trim();
}

/** The rows in which the page differs from the table, except for versions. */
export function differences(page: string, table: string): string[] {
  const [present, wanted] = [rowsOf(tableIn(page)), rowsOf(table)];
  return [...new Set([...present.keys(), ...wanted.keys()])].flatMap((name) => {
    if (name === versions || present.get(name) === wanted.get(name)) return [];
    const [row, report] = [present.get(name) ?? 'nothing', wanted.get(name) ?? 'nothing'];
    return [`docs/runtimes.md has "${name}: ${row}", the report "${report}": run it with --write`];
  });
}

function rowsOf(table: string): Map<string, string> {
  return new Map(
    table.split('\n').map((line) => {
      const [, name = '', ...cells] = line.split('|').map((part) => part.trim());
      return [name, cells.join(' | ')];
    }),
  );
}
