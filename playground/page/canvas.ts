/** Canvases as sharp as the screen is. */

/** Gives it the width of its place and the height that follows from it; results in its width in pixels of the screen. */
export function fit(canvas: HTMLCanvasElement, aspect: number): number {
  const width = canvas.parentElement?.clientWidth ?? 0;
  const sharpness = Math.min(2, devicePixelRatio);
  canvas.width = Math.round(width * sharpness);
  canvas.height = Math.round((width / aspect) * sharpness);
  return canvas.width;
}
