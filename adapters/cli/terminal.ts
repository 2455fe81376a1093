/** How the command writes: colours for a terminal alone, columns, a live view that is redrawn in place. */
import { styleText } from 'node:util';
import type { WriteStream } from 'node:tty';

import { createLogUpdate } from 'log-update';

export type Style = 'bold' | 'dim' | 'green' | 'yellow' | 'red' | 'cyan';
export type Paint = (style: Style, text: string) => string;

/** Other outputs get no colours, and neither does a terminal with NO_COLOR. */
export function paintFor(stream: WriteStream): Paint {
  return (style, text) => styleText(style, text, { stream });
}

/** A view of something that goes on. */
export interface View {
  /** For a terminal: the whole state. */
  frame(): string;
  /** For any other output: the state in one line. */
  line(): string;
}

const FRAME_EVERY = 250; // ms

/** Redraws the frame on a terminal, and writes a line now and then elsewhere. The end of the view removes the frame. */
export function showLive(stream: WriteStream, view: View, lineEvery: number): Disposable {
  // A terminal without a size has 0 columns.
  if (!stream.isTTY || !stream.columns || process.env['TERM'] === 'dumb') {
    const timer = setInterval(() => stream.write(`${view.line()}\n`), lineEvery);
    return { [Symbol.dispose]: () => clearInterval(timer) };
  }
  const update = createLogUpdate(stream);
  update(view.frame());
  const timer = setInterval(() => update(view.frame()), FRAME_EVERY);
  return {
    [Symbol.dispose]() {
      clearInterval(timer);
      update.clear();
      update.done();
    },
  };
}

/** Columns that line up: the first to the left, the others to the right. */
export function table(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows.map((row) =>
    row
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!)))
      .join('  ')
      .trimEnd(),
  );
}
