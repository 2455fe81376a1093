/** The moving picture of a lane: a row for each call, a bar for each attempt, and a band while a fault lasts. */
import type { CallRecord } from '../model/types.ts';
import { fit } from '../page/canvas.ts';
import { h } from '../page/dom.ts';
import { palette } from '../page/palette.ts';
import { createTracks } from '../page/tracks.ts';
import { paintWaterfall, xOf } from '../page/waterfall-paint.ts';
import type { Band } from './spells.ts';

const ROWS = 9;
const ROW = 15;
/** How much time the picture shows, ms. */
const WINDOW = { wide: 6_000, narrow: 3_500 };

export interface Picture {
  readonly element: HTMLElement;
  readonly paint: (calls: readonly CallRecord[], now: number, bands: readonly Band[]) => void;
  /** Reads the width again. */
  readonly fit: () => void;
  /** Forgets the calls, after a pause. */
  readonly clear: () => void;
}

export function createPicture(): Picture {
  const canvas = h('canvas', { 'aria-hidden': 'true' });
  const element = h('div', { class: 'picture' }, canvas);
  const context = canvas.getContext('2d')!;
  const tracks = createTracks(ROWS);
  let width = 0;
  let scale = 1;

  return {
    element,
    paint(calls, now, bands) {
      if (width === 0) return;
      const window = width < 440 ? WINDOW.narrow : WINDOW.wide;
      const view = { width, row: ROW, window, now, selected: undefined };
      tracks.take(calls, now, window, (window / width) * 14);
      context.setTransform(scale, 0, 0, scale, 0, 0);
      paintWaterfall(context, tracks.rows, view);
      context.globalCompositeOperation = 'destination-over';
      context.globalAlpha = 0.12;
      context.fillStyle = palette['failed']!;
      for (const { from, to } of bands) {
        const left = Math.max(0, xOf(from, view));
        context.fillRect(left, 0, Math.min(width, xOf(Math.min(to, now), view)) - left, ROWS * ROW);
      }
      context.globalAlpha = 1;
      context.globalCompositeOperation = 'source-over';
    },
    fit() {
      width = element.clientWidth;
      if (width > 0) scale = fit(canvas, width / (ROWS * ROW)) / width;
    },
    clear: () => tracks.clear(),
  };
}
