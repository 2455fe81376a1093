/** Where the skins of the onion lie. */

/** In units of the drawing. */
export const drawing = { width: 480, height: 348, x: 240, y: 174, outer: 166, core: 30 } as const;

/** Where the skins of the layers that are on lie, outermost first; the last one is the core's. */
export function radii(layers: number): number[] {
  const step = (drawing.outer - drawing.core) / Math.max(1, layers);
  return Array.from({ length: layers + 1 }, (_, i) => drawing.outer - i * step);
}
