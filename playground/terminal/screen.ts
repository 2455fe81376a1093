/** Redraws the state in place on a terminal. An output that cannot be redrawn gets a line every second. */

/** The part of `process.stdout` that a screen needs. */
export interface Output {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

export interface View {
  /** The whole state, as lines. */
  frame(): string[];
  /** The state in one line. */
  line(): string;
}

export interface Screen {
  /** Stops redrawing. The last frame remains visible. */
  close(): void;
}

const FRAME_EVERY = 100; // ms
const LINE_EVERY = 1_000;

/** `width` is the number of columns that a frame needs. On a narrower terminal its lines would wrap. */
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
