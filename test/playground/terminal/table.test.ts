import { describe, expect, test } from 'vitest';
import { unpainted } from '../../../playground/terminal/paint.ts';
import type { Paint } from '../../../playground/terminal/paint.ts';
import { table } from '../../../playground/terminal/table.ts';
import type { Cell, Column } from '../../../playground/terminal/table.ts';

const columns: Column[] = [
  { title: '' },
  { title: 'calls', align: 'right' },
  { title: 'p50', width: 6, align: 'right' },
];
const rows: Cell[][] = [
  [{ text: 'plain fetch', style: 'bold' }, { text: '12' }, { text: '20 ms' }],
  [{ text: 'kyoa', style: 'bold' }, { text: '1,200', style: 'green' }, { text: '21 ms' }],
];

describe('table', () => {
  test('aligns its columns between thin rules', () => {
    expect(`\n${table(columns, rows, unpainted).join('\n')}`).toBe(`
              calls      p50
────────────────────────────
plain fetch      12    20 ms
kyoa          1,200    21 ms
────────────────────────────`);
  });

  test('aligns its columns in the same way with colours', () => {
    const painted: Paint = (style, text) => `<${style}>${text}</>`;
    const lines = table(columns, rows, painted).map((line) => line.replaceAll(/<[^>]*>/g, ''));
    expect(lines).toEqual(table(columns, rows, unpainted));
    expect(table(columns, rows, painted)[3]).toBe('<bold>kyoa</>          <green>1,200</>    21 ms');
  });

  test('widens a column for a cell that is longer than planned', () => {
    const wide = table(columns, [[{ text: 'x' }, { text: '1' }, { text: '1,234,567 ms' }]], unpainted);
    expect(new Set([wide[0], wide[1], wide[2]].map((line) => line?.length))).toEqual(new Set([24]));
  });

  test('has titles and rules without rows', () => {
    expect(table(columns, [], unpainted)).toHaveLength(3);
  });
});
