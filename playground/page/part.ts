/** What every part of the page is made of: it reads the session when it is told to, and calls it when it is used. */

export interface Part {
  /** Before each frame; for what moves. */
  frame?(): void;
  /** Five times a second; for what is read. */
  tick?(): void;
  /** Running, configuration, problems or fault have changed. */
  update?(): void;
  /** Payments have changed. */
  payments?(): void;
  /** The colours have changed, or the width of the page. */
  repaint?(): void;
}

/** ms; numbers that change more often cannot be read. */
const TICK = 200;

/** The one loop of the page; it rests while the page is hidden. */
export function startLoop(parts: readonly Part[]): void {
  let ticked = -Infinity;
  requestAnimationFrame(function next(time) {
    requestAnimationFrame(next);
    for (const part of parts) part.frame?.();
    if (time - ticked < TICK) return;
    ticked = time;
    for (const part of parts) part.tick?.();
  });
}
