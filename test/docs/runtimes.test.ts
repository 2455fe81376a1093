/**
 * The table of docs/runtimes.md has a row for each capability, `npm run test:runtimes` compares its cells; and the block for
 * React Native does what it says.
 */
import { createContext, runInContext } from 'node:vm';

import { expect, test } from 'vitest';

import { capabilities } from '../runtimes/capabilities.ts';
import { differences, tableIn, tableOf, withTable, type Report } from '../runtimes/table.ts';
import { DOMException as standIn } from '../runtimes/react-native/polyfills.ts';
import { page } from './pages.ts';

const { text, tables, blocks } = page('docs/runtimes.md');
const [table] = tables;

test('the table has the capabilities that are checked', () => {
  expect(table!.rows.map(([name]) => name)).toEqual(['tested with', ...capabilities]);
});

test('each cell is filled', () => {
  expect(table!.header.length).toBeGreaterThan(8);
  const empty = table!.rows.filter((row) => row.length !== table!.header.length || row.some((cell) => cell === ''));
  expect(empty).toEqual([]);
});

const report = (name: string, failed: string, version = '1.0'): Report => ({
  name,
  column: 'Node',
  version,
  without: { 'storage: `kyoa/indexeddb`': 'no IndexedDB' },
  passed: capabilities.filter((capability) => capability !== failed && !capability.includes('indexeddb')),
  failures: [],
  seconds: 1,
});

test('a cell holds for all runtimes of its column, or has the reason why not', () => {
  const written = tableOf([report('Node 22', ''), report('Node 24', '`retry`', '2.0')]);
  expect(written).toContain('| tested with | 1.0, 2.0 |');
  expect(written).toContain('| `retry` | fails |');
  expect(written).toContain('| `hedge` | ✓ |');
  expect(written).toContain('| storage: `kyoa/indexeddb` | no IndexedDB |');
});

test('a page differs from a report in a cell, and not in a version', () => {
  const written = withTable(text, tableOf([report('Node 22', '')]));
  expect(tableIn(written)).toBe(tableOf([report('Node 22', '')]));
  expect(differences(written, tableOf([report('Node 22', '', '2.0')]))).toEqual([]);
  expect(differences(written, tableOf([report('Node 22', '`retry`')]))).toEqual([
    'docs/runtimes.md has "`retry`: ✓ | ", the report "fails | ": run it with --write',
  ]);
});

// React Native has none of the types of a page, so a compiler with those types would prove nothing of this block.
test('the block for React Native makes the DOMException with which the stand-ins run, where there is none', () => {
  const { code } = blocks.find(({ code }) => code.includes('react-native'))!;
  const script = code.replaceAll(/^import .*/gm, '');
  const made = (globals: { DOMException?: unknown }): typeof standIn => {
    runInContext(script, createContext(globals));
    return globals.DOMException as typeof standIn;
  };
  const read = ({ name, message }: Error): readonly string[] => [name, message];
  const DOMException = made({});
  for (const args of [['gone', 'AbortError'], ['gone'], []] as const) {
    expect(read(new DOMException(...args))).toEqual(read(new standIn(...args)));
  }
  expect(Object.getPrototypeOf(DOMException)).toHaveProperty('name', 'Error');
  expect(made({ DOMException: standIn })).toBe(standIn);
});
