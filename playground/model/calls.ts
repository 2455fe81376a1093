/** Records the last calls through kyoa: their results, kyoa's events, and the requests that pass the innermost layer. */
import { log as logPolicy, TimeoutError } from 'kyoa';
import type { Context, KyoaEvent, Middleware } from 'kyoa';
import { regions } from '../network/regions.ts';
import { describe } from './describe.ts';
import { ofError, ofResponse } from './outcome.ts';
import type { Ending } from './outcome.ts';
import { ring } from './ring.ts';
import type { AttemptRecord, CallMark, CallRecord, EventRecord } from './types.ts';

export interface CallLog {
  /** The outermost middleware. Opens the record of a call, and closes it if the call rejects. */
  readonly outermost: Middleware;
  /** The listener for `observe`, which is placed inside `outermost`. */
  readonly record: (event: KyoaEvent) => void;
  /** The innermost middleware. Records each request that goes to the network. */
  readonly innermost: Middleware;
  /** Classifies a response: one that a policy made itself is a substitute. */
  readonly endingOf: (response: Response) => Ending;
  /** Closes the record of a call when its body has been read, or has failed. */
  readonly close: (response: Response, ending: Ending) => void;
  /** Newest first. */
  readonly read: () => readonly CallRecord[];
}

/** The maximum of calls that are kept. */
const capacity = 200;
/** The maximum of events that are kept for a call: retries without a limit emit events without end. */
const mostEvents = 100;

type Writable<T> = { -readonly [K in keyof T]: T[K] };
interface Open extends Writable<CallRecord> {
  readonly id: string;
  readonly marks: Set<CallMark>;
  readonly attempts: Writable<AttemptRecord>[];
  readonly events: EventRecord[];
  /** The kind of the next request. */
  nextKind: AttemptRecord['kind'];
}

const marks: Readonly<Record<string, CallMark>> = {
  'retry.scheduled': 'retried',
  'resume.continued': 'continued',
  'resume.restarted': 'continued',
  'hedge.launched': 'hedged',
  'dedupe.joined': 'deduped',
  'idempotency.replayed': 'replayed',
  'breaker.rejected': 'rejected',
  'limit.rejected': 'rejected',
  'timeout.exceeded': 'timed out',
  'stale-if-error.served': 'stale',
  'fallback.used': 'fallback',
  'limit.queued': 'queued',
  'latest.replaced': 'replaced',
};

/** `clock` returns ms. */
export function createCallLog(clock: () => number): CallLog {
  const log = ring<Open>(capacity);
  const byId = new Map<string, Open>();
  const byResponse = new WeakMap<Response, Open>();
  let number = 0;
  const writeLine = logPolicy({
    write(line) {
      const call = byId.get(/"id":"([^"]+)"/.exec(line)![1]!);
      if (call !== undefined) call.line = line;
    },
  });

  return {
    async outermost(ctx, next) {
      const call = open(ctx, (number += 1), clock());
      const evicted = log.push(call);
      if (evicted !== undefined) byId.delete(evicted.id);
      byId.set(call.id, call);
      try {
        const response = await writeLine(ctx, next);
        byResponse.set(response, call);
        return response;
      } catch (error) {
        Object.assign(call, ofError(ctx.signal.aborted ? ctx.signal.reason : error), { end: clock() });
        throw error;
      }
    },
    record(event) {
      const call = byId.get(event.id);
      if (call === undefined) return;
      const mark = marks[event.type];
      if (mark !== undefined) call.marks.add(mark);
      if (event.type === 'retry.scheduled') call.nextKind = 'retry';
      if (event.type === 'hedge.launched') call.nextKind = 'hedge';
      if (call.events.length < mostEvents) {
        call.events.push({ time: clock(), type: event.type, detail: describe(event), event });
      } else call.dropped += 1;
    },
    async innermost(ctx, next) {
      const call = byId.get(ctx.id);
      const attempt = begin(ctx, call?.attempts.length ?? 0, call?.nextKind ?? 'first', clock());
      if (call !== undefined) {
        call.attempts.push(attempt);
        if (attempt.kind === 'race') call.marks.add('raced');
        // `race` emits no event before its further copies.
        call.nextKind = ctx.stack.some(({ name }) => name === 'race') ? 'race' : 'retry';
      }
      try {
        const response = await next();
        const { outcome } = ofResponse(response);
        Object.assign(attempt, { outcome, status: response.status, end: clock() });
        return response;
      } catch (error) {
        Object.assign(attempt, { outcome: ctx.signal.aborted ? ended(ctx) : 'broken', end: clock() });
        throw error;
      }
    },
    endingOf(response) {
      const ending = ofResponse(response);
      const marks = byResponse.get(response)?.marks;
      const isSubstitute = marks?.has('stale') || marks?.has('fallback');
      return isSubstitute && ending.outcome === 'answered' ? { ...ending, outcome: 'substitute' } : ending;
    },
    close(response, { outcome, label }) {
      const call = byResponse.get(response);
      if (call !== undefined) Object.assign(call, { outcome, label, end: clock() });
    },
    read: () => log.toArray().toReversed(),
  };
}

function open({ id, request: { method, url } }: Context, number: number, start: number): Open {
  return {
    id,
    number,
    method,
    path: new URL(url).pathname,
    query: new URL(url).search.slice(1),
    line: '',
    start,
    end: undefined,
    outcome: 'running',
    label: '',
    marks: new Set(),
    attempts: [],
    events: [],
    dropped: 0,
    nextKind: 'first',
  };
}

function begin(
  { request: { url } }: Context,
  before: number,
  kind: AttemptRecord['kind'],
  start: number,
): Writable<AttemptRecord> {
  const segment = new URL(url).pathname.split('/')[1];
  const region = regions.find((each) => each === segment) ?? regions[0];
  return { number: before + 1, kind, region, start, end: undefined, outcome: 'running', status: undefined };
}

function ended({ signal }: Context): 'timed out' | 'cancelled' {
  return signal.reason instanceof TimeoutError ? 'timed out' : 'cancelled';
}
