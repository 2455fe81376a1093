/** The dimensions of the drawn onion. */

import type { Region } from '../model/types.ts';

/** In units of the SVG's view box. `x` and `y` are the centre; `outer` and `core` are radii. */
export const drawing = { width: 480, height: 348, x: 240, y: 174, outer: 166, core: 30 } as const;

/** Where the core of each region is, from the centre. */
export const regionPlaces: Readonly<Record<Region, readonly [x: number, y: number]>> = {
  eu: [0, -16],
  us: [-15, 11],
  ap: [15, 11],
};

/** The outer radii of the rings, outermost first. The last radius is that of the core. */
export function radii(layers: number): number[] {
  const step = (drawing.outer - drawing.core) / Math.max(1, layers);
  return Array.from({ length: layers + 1 }, (_, i) => drawing.outer - i * step);
}
