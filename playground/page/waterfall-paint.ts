/** Draws the waterfall: a row for each call, a bar for each attempt. The right edge is the present. */
import type { AttemptRecord, CallRecord } from '../model/types.ts';
import { drawGlyph, glyphs } from './glyphs.ts';
import type { Fate } from './glyphs.ts';
import { kindColours, palette } from './palette.ts';

export interface View {
  readonly width: number;
  readonly row: number;
  /** The time from the left edge to the right edge, ms. */
  readonly window: number;
  readonly now: number;
  readonly selected: CallRecord | undefined;
}

/** Pixels on the right for the marks of calls that have just ended. */
const MARGIN = 10;

/** Pixels between the mark of an attempt and that of its call. */
const BESIDE = 9;

export function xOf(time: number, { width, window, now }: View): number {
  return width - MARGIN - ((now - time) / window) * (width - MARGIN);
}

export function paintWaterfall(
  context: CanvasRenderingContext2D,
  rows: readonly (readonly CallRecord[])[],
  view: View,
): void {
  const height = rows.length * view.row;
  context.clearRect(0, 0, view.width, height);
  paintSeconds(context, view, height);
  context.lineWidth = 1.8;
  context.lineCap = 'round';
  rows.forEach((row, i) => {
    const y = (i + 0.5) * view.row;
    for (const call of row) {
      if (call === view.selected) paintSelection(context, call, y, view);
      paintCall(context, call, y, view);
    }
  });
}

function paintSeconds(context: CanvasRenderingContext2D, view: View, height: number): void {
  context.fillStyle = palette['line']!;
  for (let second = Math.floor(view.now / 1_000); second * 1_000 > view.now - view.window; second -= 1) {
    context.fillRect(Math.round(xOf(second * 1_000, view)), 0, 1, height);
  }
}

function paintSelection(context: CanvasRenderingContext2D, call: CallRecord, y: number, view: View): void {
  const from = xOf(call.start, view) - 9;
  const to = xOf(endOf(call, view) ?? view.now, view) + 9;
  context.fillStyle = palette['raised']!;
  context.strokeStyle = palette['focus']!;
  context.beginPath();
  context.roundRect(from, y - view.row / 2, to - from, view.row, 6);
  context.fill();
  context.stroke();
}

function paintCall(context: CanvasRenderingContext2D, call: CallRecord, y: number, view: View): void {
  if (call.start > view.now) return;
  const start = xOf(call.start, view);
  const end = xOf(endOf(call, view) ?? view.now, view);
  // A dotted line for the whole call. It stays visible where no attempt runs: before a retry, or in a queue.
  context.fillStyle = palette['edge']!;
  for (let x = start; x < end; x += 5) context.fillRect(x, y - 0.5, 2, 1);

  const copies = call.attempts.some(({ kind }) => kind === 'hedge' || kind === 'race');
  for (const attempt of call.attempts)
    paintAttempt(context, attempt, copies ? y + offset(attempt, call) : y, view, copies);
  const own = fateOf(call);
  if (!own || endOf(call, view) === undefined) return;
  // Beside the mark of an attempt that ended at the same time.
  const isTaken = call.attempts.some((attempt) => attempt.end !== undefined && end - xOf(attempt.end, view) < BESIDE);
  mark(context, own, isTaken ? end + BESIDE : end, y);
}

/** A frozen picture shows the calls as they were at its time. */
function endOf({ end }: { readonly end: number | undefined }, { now }: View): number | undefined {
  return end !== undefined && end <= now ? end : undefined;
}

/** The bar of a hedged copy is below the bar of the first request; the bars of a race are one below the other. */
function offset({ kind, number }: AttemptRecord, { attempts }: CallRecord): number {
  const isRace = attempts[1]?.kind === 'race';
  if (isRace) return (number - 1 - (attempts.length - 1) / 2) * 4;
  return kind === 'hedge' ? 3.5 : -3.5;
}

function paintAttempt(
  context: CanvasRenderingContext2D,
  attempt: AttemptRecord,
  y: number,
  view: View,
  isThin: boolean,
): void {
  if (attempt.start > view.now) return;
  const x = xOf(attempt.start, view);
  const ended = endOf(attempt, view);
  const end = xOf(ended ?? view.now, view);
  const thickness = isThin ? 3 : 5;
  const { kind } = attempt;
  const outcome = ended === undefined ? 'running' : attempt.outcome;
  context.fillStyle = outcome === 'running' ? palette['edge']! : palette[glyphs[outcome].colour]!;
  context.globalAlpha = outcome === 'cancelled' ? 0.55 : 0.8;
  context.fillRect(x, y - thickness / 2, Math.max(2, end - x), thickness);
  context.globalAlpha = 1;
  if (kind !== 'first') {
    context.fillStyle = palette[kindColours[kind]]!;
    context.fillRect(x - 1, y - thickness / 2 - 2, 2.5, thickness + 4);
  }
  if (outcome !== 'running') mark(context, outcome, end, y);
}

function mark(context: CanvasRenderingContext2D, fate: Fate, x: number, y: number): void {
  const colour = palette[glyphs[fate].colour]!;
  context.fillStyle = colour;
  context.strokeStyle = colour;
  drawGlyph(context, fate, x, y);
}

/** The mark of a call whose result its attempts do not show. */
function fateOf({ marks, attempts, outcome }: CallRecord): Fate | undefined {
  if (outcome === 'rejected') return 'rejected';
  if (marks.has('replayed')) return 'kept';
  if (marks.has('deduped')) return 'shared';
  if (outcome === 'substitute') return 'spare';
  if (outcome === 'late') return 'timed out';
  if ((outcome === 'broken' || outcome === 'timed out') && hasHeaders(attempts)) return outcome;
  if (attempts.length > 0 || outcome === 'running') return undefined;
  if (outcome === 'replaced' || outcome === 'left') return 'cancelled';
  return outcome === 'answered' || outcome === 'error status' || outcome === 'timed out' ? outcome : 'broken';
}

/** The mark of an attempt is where its headers arrived. What ends such a call comes later, in its body. */
function hasHeaders(attempts: readonly AttemptRecord[]): boolean {
  return attempts.findLast(({ outcome }) => outcome !== 'cancelled')?.outcome === 'answered';
}
