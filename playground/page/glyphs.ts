/** The marks of the waterfall. Each result has a colour and a shape, in the picture and in the legend. */
import { s } from './dom.ts';

export type Fate =
  | 'answered'
  | 'error status'
  | 'broken'
  | 'timed out'
  | 'cancelled'
  | 'kept'
  | 'shared'
  | 'rejected'
  | 'spare';

interface Glyph {
  /** A colour token of the style sheet. */
  readonly colour: string;
  /** An SVG path within -5..5 in both directions. */
  readonly path: string;
  readonly filled: boolean;
}

export const glyphs: Readonly<Record<Fate, Glyph>> = {
  answered: { colour: 'answered', path: 'M-4 0A4 4 0 104 0 4 4 0 10-4 0z', filled: true },
  'error status': { colour: 'failed', path: 'M-3.5-3.5h7v7h-7z', filled: true },
  broken: { colour: 'failed', path: 'M-3.5-3.5l7 7M3.5-3.5l-7 7', filled: false },
  'timed out': { colour: 'timed-out', path: 'M0-4.5L4.5 3.5H-4.5z', filled: true },
  cancelled: { colour: 'cancelled', path: 'M-2.5 4L2.5-4', filled: false },
  kept: { colour: 'kept', path: 'M0-5L5 0 0 5-5 0z', filled: true },
  shared: { colour: 'kept', path: 'M-2-4L2.5 0-2 4', filled: false },
  rejected: { colour: 'rejected', path: 'M-4 0A4 4 0 104 0 4 4 0 10-4 0zM-2.8 2.8L2.8-2.8', filled: false },
  spare: { colour: 'timed-out', path: 'M0-4.5L4.5 0 0 4.5-4.5 0z', filled: false },
};

const shapes = new Map<string, Path2D>();

/** Draws a glyph at `x`, `y`, in the context's current fill and stroke colours. */
export function drawGlyph(context: CanvasRenderingContext2D, fate: Fate, x: number, y: number): void {
  const { path, filled } = glyphs[fate];
  const shape = shapes.get(path) ?? new Path2D(path);
  shapes.set(path, shape);
  context.translate(x, y);
  if (filled) context.fill(shape);
  else context.stroke(shape);
  context.translate(-x, -y);
}

export function glyphIcon(fate: Fate): SVGSVGElement {
  const { colour, path, filled } = glyphs[fate];
  const paint = `var(--${colour})`;
  return s(
    'svg',
    { viewBox: '-6 -6 12 12', width: 12, height: 12, 'aria-hidden': 'true' },
    s('path', { d: path, fill: filled ? paint : 'none', stroke: filled ? 'none' : paint, 'stroke-width': 1.8 }),
  );
}
