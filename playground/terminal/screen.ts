/** Shows the present state in place on a terminal, and where nothing can be redrawn, a line now and then. */

/** `process.stdout`, as far as a screen needs it. */
export interface Output {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

export interface View {
  /** The whole state, redrawn. */
  frame(): string[];
  /** The state in one line. */
  line(): string;
}

export interface Screen {
  /** Stops the refreshing; leaves the last frame standing. */
  close(): void;
}

const FRAME_EVERY = 100; // ms: smooth to the eye, and little to redraw
const LINE_EVERY = 1_000;

/** `width`: the columns that a frame needs; on a narrower terminal its lines would wrap and could not be redrawn. */
export function openScreen(out: Output, view: View, width: number): Screen {
  const canRedraw = out.isTTY && (out.columns ?? 0) >= width && process.env['TERM'] !== 'dumb';
  return canRedraw ? redraw(out, view) : report(out, view);
}

function redraw(out: Output, view: View): Screen {
  let height = 0;
  const draw = (): void => {
    const lines = view.frame();
    const up = height > 0 ? `\x1b[${height}A` : '';
    out.write(up + lines.map((line) => `${line}\x1b[K\n`).join(''));
    height = lines.length;
  };
  draw();
  const timer = setInterval(draw, FRAME_EVERY);

  return {
    close() {
      clearInterval(timer);
      draw();
    },
  };
}

function report(out: Output, view: View): Screen {
  const timer = setInterval(() => out.write(`${view.line()}\n`), LINE_EVERY);

  return {
    close() {
      clearInterval(timer);
      out.write(`\n${view.frame().join('\n')}\n`);
    },
  };
}
