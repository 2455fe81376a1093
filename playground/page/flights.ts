/**
 * Draws the calls as dots that move through the onion. A request enters from the left and its response leaves to the
 * right. A dot turns at a layer that retries, and returns to the left from a layer that rejects the call. The dots are
 * computed from the records of the calls in every frame; no other state exists.
 */
import type { AttemptRecord, CallRecord, PolicyName, Session } from '../model/types.ts';
import { fit } from './canvas.ts';
import { drawing, radii, regionPlaces } from './geometry.ts';
import { kindColours, palette } from './palette.ts';

/** How long a dot takes from the edge to the core, ms: slow enough to follow with the eye. */
const FLIGHT = 420;

/** The maximum of calls a second that are drawn. At a higher rate only every n-th call is drawn. */
const MOST = 30;

const still = matchMedia('(prefers-reduced-motion: reduce)');

export function mountFlights(session: Session, canvas: HTMLCanvasElement) {
  let scale = 1;
  let isRegional = false;
  const context = canvas.getContext('2d')!;

  let drawn = Number.NaN;

  function repaint(): void {
    drawn = Number.NaN;
    scale = fit(canvas, drawing.width / drawing.height) / drawing.width;
  }

  function frame(): void {
    if (session.now === drawn) return; // the clock does not move during a pause
    drawn = session.now;
    context.clearRect(0, 0, drawing.width, drawing.height);
    if (still.matches) return;
    context.setTransform(scale, 0, 0, scale, 0, 0);
    const { now, configuration } = session;
    const every = Math.ceil(configuration.rate / MOST);
    const policies = configuration.stack.filter(({ on }) => on).map(({ policy }) => policy);
    const at = radii(policies.length);
    isRegional = policies.some((policy) => policy === 'endpoints' || policy === 'race');
    const skinOf = (policy: PolicyName): number => at[policies.lastIndexOf(policy)] ?? drawing.outer;

    for (const call of session.calls()) {
      if (call.number % every === 0) fly(call, now, skinOf);
    }
  }

  function fly(call: CallRecord, now: number, skinOf: (policy: PolicyName) => number): void {
    const lane = ((call.number * 0.618) % 1) - 0.5; // the golden ratio spreads neighbours apart
    if (call.attempts.length === 0 && call.end !== undefined) return turnBack(call, now, lane, skinOf);

    call.attempts.forEach((attempt, i) => {
      const { start, end, outcome, kind, region } = attempt;
      const aim = isRegional ? regionPlaces[region] : undefined;
      const from = kind === 'first' ? drawing.x : skinOf(kind);
      dot(now - start, -from, -drawing.core, lane, palette[kind === 'first' ? 'muted' : kindColours[kind]]!, aim);
      if (end === undefined || outcome === 'cancelled') return;
      const again = call.attempts.slice(i + 1).some(({ kind }) => kind === 'retry');
      const to = outcome !== 'answered' && again ? skinOf('retry') : drawing.x;
      dot(now - end, drawing.core, to, lane, palette[outcome === 'answered' ? 'answered' : badColour(attempt)]!, aim);
    });
  }

  /** A call that ended without a request: its dot turns at the layer that ended it. */
  function turnBack(call: CallRecord, now: number, lane: number, skinOf: (policy: PolicyName) => number): void {
    const [policy, colour] = endedBy.find(([, , mark]) => call.marks.has(mark)) ?? ['timeout', 'failed'];
    const r = skinOf(policy);
    const age = now - call.end!;
    dot(age, -drawing.x, -r, lane, palette[colour]!);
    dot(age - FLIGHT, -r, -drawing.x, lane + 0.12, palette[colour]!);
  }

  /** A dot moves along the horizontal line through the core. The dots spread vertically, less so near the core. */
  function dot(
    age: number,
    from: number,
    to: number,
    lane: number,
    colour: string,
    aim?: readonly [number, number],
  ): void {
    const done = age / FLIGHT;
    if (done < 0 || done > 1) return;
    const eased = done < 0.5 ? 2 * done * done : 1 - 2 * (1 - done) ** 2;
    const x = from + (to - from) * eased;
    // Towards the core of its region, which is not in the middle.
    const drift = aim === undefined ? 0 : aim[1] * Math.max(0, 1 - Math.abs(x) / (drawing.core * 2));
    const y = drift + lane * (18 + Math.abs(x) * 0.42) * Math.min(1, Math.abs(x) / drawing.core);
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

/** Policies that end a call without a request, the colour of the dot, and the mark of such a call. */
const endedBy = [
  ['breaker', 'rejected', 'rejected'],
  ['dedupe', 'kept', 'deduped'],
  ['idempotency', 'kept', 'replayed'],
] as const;

function badColour({ outcome }: AttemptRecord): string {
  return outcome === 'timed out' ? 'timed-out' : 'failed';
}
