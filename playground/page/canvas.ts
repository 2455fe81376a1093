/** Sizes a canvas in device pixels, so that its drawing is sharp on every screen. */

/** Sets the canvas to the width of its parent and to the height of `aspect`. Returns its width in device pixels. */
export function fit(canvas: HTMLCanvasElement, aspect: number): number {
  const width = canvas.parentElement?.clientWidth ?? 0;
  const sharpness = Math.min(2, devicePixelRatio);
  canvas.width = Math.round(width * sharpness);
  canvas.height = Math.round((width / aspect) * sharpness);
  return canvas.width;
}
