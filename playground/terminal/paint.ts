/** Colours for a terminal. Other outputs get none, and neither does a terminal with NO_COLOR. */
import { styleText } from 'node:util';
import type { WriteStream } from 'node:tty';

export type Style = 'bold' | 'dim' | 'green' | 'yellow' | 'red' | 'cyan';

export type Paint = (style: Style, text: string) => string;

export function createPaint(stream: WriteStream): Paint {
  return (style, text) => styleText(style, text, { stream }); // honours isTTY and NO_COLOR itself
}

export const unpainted: Paint = (_style, text) => text;
