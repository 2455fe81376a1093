/**
 * The calls on their way through the onion, as dots: in from the left, out to the right, back and forth where a layer
 * sends again, and turned away where a layer lets nothing through. What is drawn follows from the records alone.
 */
import type { AttemptRecord, CallRecord, PolicyName, Session } from '../model/types.ts';
import { fit } from './canvas.ts';
import { drawing, radii } from './geometry.ts';
import { palette } from './palette.ts';

/** ms that a dot takes from the edge to the core, so that it can be followed. */
const FLIGHT = 420;

/** Dots that start in a second, at most; of more calls every so manieth is drawn. */
const MOST = 30;

const still = matchMedia('(prefers-reduced-motion: reduce)');

export function mountFlights(session: Session, canvas: HTMLCanvasElement) {
  let scale = 1;
  const context = canvas.getContext('2d')!;

  function repaint(): void {
    scale = fit(canvas, drawing.width / drawing.height) / drawing.width;
  }

  function frame(): void {
    context.clearRect(0, 0, drawing.width, drawing.height);
    if (still.matches) return;
    context.setTransform(scale, 0, 0, scale, 0, 0);
    const { now, configuration } = session;
    const every = Math.ceil(configuration.rate / MOST);
    const policies = configuration.stack.filter(({ on }) => on).map(({ policy }) => policy);
    const at = radii(policies.length);
    const skinOf = (policy: PolicyName): number => at[policies.lastIndexOf(policy)] ?? drawing.outer;

    for (const call of session.calls()) {
      if (call.number % every === 0) fly(call, now, skinOf);
    }
  }

  function fly(call: CallRecord, now: number, skinOf: (policy: PolicyName) => number): void {
    const lane = ((call.number * 0.618) % 1) - 0.5; // the golden ratio spreads neighbours apart
    if (call.attempts.length === 0 && call.end !== undefined) return turnedAway(call, now, lane, skinOf);

    call.attempts.forEach((attempt, i) => {
      const { start, end, outcome, kind } = attempt;
      const from = kind === 'first' ? drawing.x : skinOf(kind);
      dot(now - start, -from, -drawing.core, lane, kind === 'first' ? palette['muted']! : colourOfKind(attempt));
      if (end === undefined || outcome === 'cancelled') return;
      const again = call.attempts.slice(i + 1).some(({ kind }) => kind === 'retry');
      const to = outcome !== 'answered' && again ? skinOf('retry') : drawing.x;
      dot(now - end, drawing.core, to, lane, palette[outcome === 'answered' ? 'answered' : badColour(attempt)]!);
    });
  }

  function turnedAway(call: CallRecord, now: number, lane: number, skinOf: (policy: PolicyName) => number): void {
    const [policy, colour] = refusals.find(([, , mark]) => call.marks.has(mark)) ?? ['timeout', 'failed'];
    const r = skinOf(policy);
    const age = now - call.end!;
    dot(age, -drawing.x, -r, lane, palette[colour]!);
    dot(age - FLIGHT, -r, -drawing.x, lane + 0.12, palette[colour]!);
  }

  /** Along the horizontal through the core, in a river that narrows towards it. */
  function dot(age: number, from: number, to: number, lane: number, colour: string): void {
    const done = age / FLIGHT;
    if (done < 0 || done > 1) return;
    const eased = done < 0.5 ? 2 * done * done : 1 - 2 * (1 - done) ** 2;
    const x = from + (to - from) * eased;
    const y = lane * (18 + Math.abs(x) * 0.42) * Math.min(1, Math.abs(x) / drawing.core);
    context.globalAlpha = Math.min(1, done * 6, (1 - done) * 6);
    context.fillStyle = colour;
    context.beginPath();
    context.arc(drawing.x + x, drawing.y + y, 3.2, 0, 7);
    context.fill();
    context.globalAlpha = 1;
  }

  repaint();
  return { frame, repaint };
}

const refusals = [
  ['breaker', 'rejected', 'rejected'],
  ['dedupe', 'kept', 'deduped'],
  ['idempotency', 'kept', 'replayed'],
] as const;

function colourOfKind({ kind }: AttemptRecord): string {
  return palette[kind === 'retry' ? 'fail-better' : 'hedged']!;
}

function badColour({ outcome }: AttemptRecord): string {
  return outcome === 'timed out' ? 'timed-out' : 'failed';
}
