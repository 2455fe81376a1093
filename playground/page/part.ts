/** The interface of every part of the page. The page calls these methods; the part then reads the session. */

export interface Part {
  /** Called before each frame, for animations. */
  frame?(): void;
  /** Called five times a second, for texts and figures. */
  tick?(): void;
  /** Called when `running`, the configuration, the problems or the fault of the session changed. */
  update?(): void;
  /** Called when payments changed. */
  payments?(): void;
  /** Called when the colours or the width of the page changed. */
  repaint?(): void;
}

/** ms; figures that change more often are not readable. */
const TICK = 200;

/** The only loop of the page. Browsers pause it while the page is hidden. */
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
