/** A source looks again and again: a text is reported once, and a failure is followed by a growing pause. */
import { afterUnref } from '../../src/core/engine/timers.ts';
import { withoutUrlSecrets } from '../../src/core/errors.ts';
import type { PolicySink, PolicySource } from '../../src/policy/source.ts';

/** Passes on what is new, or comes after a failure, and each failure; nothing after the abort. */
export interface Report extends PolicySink {
  /** The source is as it was before the last failure. */
  unchanged(): void;
  /** How many documents and absences were passed on. */
  readonly news: number;
}

/** Looks at the source, reports what it finds, and returns the pause before the next look, ms. What it throws is reported. */
export type Look = (report: Report, signal: AbortSignal) => Promise<number>;

/** The pause after a failure, ms. It doubles up to the longest pause of the source, and half of it is random. */
const firstPause = 1_000;

/** A look that is over sooner and brought nothing new is followed by a pause: a server may not hold a request as asked, ms. */
const shortestLook = 1_000;

/** `begin` makes the look of one watch. */
export function lookingAgain(name: string, longestPause: number, begin: () => Look): PolicySource {
  return {
    name,
    watch(sink, signal) {
      void repeat(begin(), reporting(name, sink, signal), longestPause, signal);
    },
  };
}

async function repeat(look: Look, report: Report, longestPause: number, signal: AbortSignal): Promise<void> {
  let failures = 0;
  while (!signal.aborted) {
    const { news } = report;
    const started = performance.now();
    let rest: number;
    try {
      rest = await look(report, signal);
      failures = 0;
      const isIdle = rest === 0 && report.news === news && performance.now() - started < shortestLook;
      if (isIdle) rest = shortestLook;
    } catch (error) {
      report.failed(error);
      const bound = Math.min(longestPause, firstPause * 2 ** failures);
      rest = bound * (0.5 + Math.random() / 2);
      failures += 1;
    }
    await pause(rest, signal);
  }
}

/** Resolves after `ms`, or when the signal aborts. It does not keep a process alive. */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted || ms <= 0) return resolve();
    const end = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      resolve();
    };
    const timer = afterUnref(ms, end);
    signal.addEventListener('abort', end, { once: true });
  });
}

export function reporting(name: string, sink: PolicySink, signal: AbortSignal): Report {
  let found: { readonly text: string; readonly version: string | undefined } | 'absent' | undefined;
  let hasFailed = false;
  let news = 0;
  const tell = (): void => {
    if (found === undefined || signal.aborted) return;
    hasFailed = false;
    news += 1;
    if (found === 'absent') sink.absent();
    else if (found.version === undefined) sink.document(found.text);
    else sink.document(found.text, found.version);
  };
  return {
    get news() {
      return news;
    },
    document(text, version) {
      const isKnown = typeof found === 'object' && found.text === text;
      found = { text, version };
      if (!isKnown || hasFailed) tell();
    },
    absent() {
      const isKnown = found === 'absent';
      found = 'absent';
      if (!isKnown || hasFailed) tell();
    },
    unchanged() {
      if (hasFailed) tell();
    },
    failed(error) {
      hasFailed = true;
      if (!signal.aborted) sink.failed(new Error(`${name}: ${messageOf(error)}`, { cause: error }));
    },
  };
}

/** The fetch of Node rejects with a TypeError, whose cause has the code of what has failed. */
function messageOf(error: unknown): string {
  const { message, cause } = error as { message?: unknown; cause?: { code?: unknown } };
  const code = error instanceof TypeError && typeof cause?.code === 'string' ? ` (${cause.code})` : '';
  return withoutUrlSecrets(`${typeof message === 'string' ? message : String(error)}${code}`);
}
