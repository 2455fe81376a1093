/** The dimensions of the drawn onion. */

/** In units of the SVG's view box. `x` and `y` are the centre; `outer` and `core` are radii. */
export const drawing = { width: 480, height: 348, x: 240, y: 174, outer: 166, core: 30 } as const;

/** The outer radii of the rings, outermost first. The last radius is that of the core. */
export function radii(layers: number): number[] {
  const step = (drawing.outer - drawing.core) / Math.max(1, layers);
  return Array.from({ length: layers + 1 }, (_, i) => drawing.outer - i * step);
}
