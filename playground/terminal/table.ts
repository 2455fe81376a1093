/** A table with aligned columns, for a terminal. */
import type { Paint, Style } from './paint.ts';

export interface Column {
  readonly title: string;
  /** The minimum width. A longer title or cell widens the column. */
  readonly width?: number;
  readonly align?: 'left' | 'right';
}

export interface Cell {
  readonly text: string;
  readonly style?: Style;
}

const GAP = '   ';

export function table(columns: readonly Column[], rows: readonly (readonly Cell[])[], paint: Paint): string[] {
  const titles = columns.map(({ title }): Cell => ({ text: title, style: 'dim' }));
  const widths = columns.map(({ title, width = 0 }, i) =>
    Math.max(width, title.length, ...rows.map((row) => row[i]?.text.length ?? 0)),
  );
  const line = (cells: readonly Cell[]): string =>
    cells
      .map((cell, i) => pad(cell, widths[i] ?? 0, columns[i]?.align ?? 'left', paint))
      .join(GAP)
      .trimEnd();
  const total = widths.reduce((sum, width) => sum + width, 0) + GAP.length * (columns.length - 1);
  const rule = paint('dim', '─'.repeat(total));

  return [line(titles), rule, ...rows.map(line), rule];
}

/** Pads outside the escape codes of the colour, which have no width. */
function pad({ text, style }: Cell, width: number, align: 'left' | 'right', paint: Paint): string {
  const blank = ' '.repeat(Math.max(0, width - text.length));
  const painted = style && text ? paint(style, text) : text;
  return align === 'left' ? painted + blank : blank + painted;
}
