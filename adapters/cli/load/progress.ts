/** The live view of a run. */
import { integer, ms, percent, span } from '../format.ts';
import { table, type Paint, type View } from '../terminal.ts';
import type { Lane } from './generator.ts';
import type { Percentiles } from './latency.ts';
import type { Run } from './run.ts';

const BAR = 30;
const RECENT = 900; // ms

interface Recent {
  readonly rate: number;
  readonly latency: Percentiles;
}

/** Shows the calls that ended in the last second. */
export function progressOf(run: Run, paint: Paint): View {
  const windows = run.lanes.map((lane) => recentOf(lane, run));
  return {
    frame() {
      const rows = run.lanes.map((lane, index) => [lane.contender.name, ...figures(lane, windows[index]!())]);
      const [head, ...lines] = table([['', 'calls/s', 'in flight', 'p50', 'p95', 'p99', 'failed'], ...rows]);
      return [
        '',
        headline(run, paint),
        '',
        paint('dim', head!),
        ...lines,
        '',
        paint('dim', 'Ctrl-C ends the run.'),
      ].join('\n');
    },
    line() {
      const seconds = (run.now() / 1_000).toFixed(0).padStart(4);
      const lanes = run.lanes.map((lane, index) => {
        const [rate, inFlight, p50, p95, p99, failed] = figures(lane, windows[index]!());
        return `${lane.contender.name}: ${rate}/s, ${inFlight} in flight, p50 ${p50}, p95 ${p95}, p99 ${p99}, failed ${failed}`;
      });
      return `${seconds} s  ${phaseOf(run)}  ${lanes.join('  |  ')}`;
    },
  };
}

function headline(run: Run, paint: Paint): string {
  const done = Math.min(1, run.now() / run.duration);
  const filled = Math.round(done * BAR);
  const bar = `${paint('cyan', '━'.repeat(filled))}${paint('dim', '─'.repeat(BAR - filled))}`;
  return `${bar}  ${Math.floor(Math.min(run.now(), run.duration) / 1_000)} s of ${span(run.duration)}  ${phaseOf(run)}`;
}

function phaseOf({ phases, duration, now }: Run): string {
  const time = now();
  if (time >= duration) return 'waiting for the last responses';
  return phases.findLast(({ start }) => start <= time)?.name ?? '';
}

function figures({ recorder }: Lane, { rate, latency }: Recent): string[] {
  const { inFlight, failed, calls } = recorder;
  const share = failed === 0 ? '0' : `${integer(failed)} (${percent(failed / calls)})`;
  return [integer(rate), integer(inFlight), ms(latency.p50), ms(latency.p95), ms(latency.p99), share];
}

/** The calls that ended in the last whole second. */
function recentOf({ recorder }: Lane, run: Run): () => Recent {
  let since = run.now();
  let shown: Recent = { rate: 0, latency: recorder.recent.percentiles() };
  return () => {
    const now = run.now();
    if (now - since >= RECENT) {
      const { recent } = recorder;
      shown = { rate: recent.count / ((now - since) / 1_000), latency: recent.percentiles() };
      recent.reset();
      since = now;
    }
    return shown;
  };
}
