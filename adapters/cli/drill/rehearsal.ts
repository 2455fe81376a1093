/** Walks through the steps of a drill, with a policy and with plain fetch, and notes what callers saw. */
import { setTimeout as sleep } from 'node:timers/promises';

import { chaos, createFetch, observe, type KyoaEvent, type Middleware } from '../../../src/index.ts';
import type { LivePolicy } from '../../../src/policy.ts';
import { failureOf } from '../load/failure.ts';
import { Latencies } from '../load/latency.ts';
import type { Drill, Fault, Step } from './drill-file.ts';
import { startService, type Service } from './service.ts';

/** What the callers of one step saw. */
export interface Seen {
  calls: number;
  failed: number;
  /** Calls that have no outcome yet. */
  open: number;
  requests: number;
  readonly failures: Record<string, number>;
  readonly latencies: Latencies;
  /** What the policies did, by event. */
  readonly events: Record<string, number>;
}

export interface StepResult {
  readonly step: Step;
  readonly kyoa: Seen;
  readonly plain: Seen;
}

/** Waits this long for the last responses, ms. A call without one has failed. */
const patience = 10_000;

export async function rehearse(
  drill: Drill,
  policy: LivePolicy,
  signal: AbortSignal,
  began: (step: Step) => void,
): Promise<StepResult[]> {
  const service = await startService(drill.latency);
  try {
    return await walk(drill, service, policy, signal, began);
  } finally {
    await service.close();
  }
}

async function walk(
  { urls, method, rate, steps }: Drill,
  service: Service,
  policy: LivePolicy,
  signal: AbortSignal,
  began: (step: Step) => void,
): Promise<StepResult[]> {
  let fault: Middleware | undefined;
  const faults: Middleware = (ctx, next) => fault?.(ctx, next) ?? next();
  const end = new AbortController();
  // The calls are alike: dedupe would send one of them for all that are in flight.
  const withPolicy: Build = (stack) => {
    const fetch = createFetch({ use: policy, fetch: service.fetch }).extend({ use: stack });
    return (url, init) => fetch(url, { ...init, dedupe: false });
  };
  const plainFetch: Build = (stack) => createFetch({ use: stack([]), fetch: service.fetch });
  const lanes = [withPolicy, plainFetch].map((build) => new Lane(build, faults, end.signal));

  const results: StepResult[] = [];
  for (const step of steps) {
    if (signal.aborted) break;
    began(step);
    fault = step.fault && middlewareOf(step.at, step.fault);
    const [kyoa, plain] = lanes.map((lane) => lane.begin()) as [Seen, Seen];
    results.push({ step, kyoa, plain });
    const started = performance.now();
    const calls = Math.max(1, Math.round((step.for * rate) / 1_000));
    for (let sent = 0; sent < calls && !signal.aborted; sent += 1) {
      await sleep(Math.max(0, (sent * 1_000) / rate - (performance.now() - started)));
      for (const lane of lanes) lane.call(urls[sent % urls.length]!, method);
    }
  }
  const last = performance.now();
  while (
    results.some(({ kyoa, plain }) => kyoa.open + plain.open > 0) &&
    performance.now() - last < patience &&
    !signal.aborted
  )
    await sleep(20);
  end.abort();
  for (const { kyoa, plain } of results) for (const seen of [kyoa, plain]) giveUp(seen);
  return results;
}

function middlewareOf(at: string, { rate, ...fault }: Fault): Middleware {
  const pattern = new RegExp(`^${at.split('*').map(escaped).join('.*')}$`);
  return chaos({ ...fault, enabled: true, allow: true, rate: ({ url }) => (pattern.test(url) ? rate : 0) });
}

function escaped(text: string): string {
  return text.replace(/[\\^$.|?+()[\]{}]/g, '\\$&');
}

function giveUp(seen: Seen): void {
  if (seen.open === 0) return;
  seen.failures['no response'] = seen.open;
  seen.failed += seen.open;
  seen.open = 0;
}

type Send = (url: string, init: RequestInit) => Promise<Response>;
type Build = (stack: (use: readonly Middleware[]) => readonly Middleware[]) => Send;

/** The callers of one stack. */
class Lane {
  readonly #fetch: Send;
  readonly #end: AbortSignal;
  #seen = unseen();

  constructor(build: Build, faults: Middleware, end: AbortSignal) {
    this.#end = end;
    const count = observe((event) => this.#count(event));
    this.#fetch = build((use) => [count, ...use, faults]);
  }

  begin(): Seen {
    return (this.#seen = unseen());
  }

  call(url: string, method: string): void {
    const seen = this.#seen;
    const started = performance.now();
    seen.calls += 1;
    seen.open += 1;
    const settle = (failure?: string): void => {
      if (this.#end.aborted) return;
      seen.open -= 1;
      if (failure === undefined) return seen.latencies.record(performance.now() - started);
      seen.failed += 1;
      seen.failures[failure] = (seen.failures[failure] ?? 0) + 1;
    };
    this.#fetch(url, { method, signal: this.#end })
      .then(async (response) => {
        await response.arrayBuffer();
        settle(response.status >= 400 ? `HTTP ${response.status}` : undefined);
      })
      .catch((error: unknown) => settle(failureOf(error)));
  }

  #count(event: KyoaEvent): void {
    const seen = this.#seen;
    seen.events[event.type] = (seen.events[event.type] ?? 0) + 1;
    if (event.type === 'attempt.sent') seen.requests += 1;
    // What never reaches the transport is a request all the same.
    if (
      event.type === 'chaos.injected' &&
      (event.status !== undefined || event.error === 'refused' || event.error === 'hang')
    )
      seen.requests += 1;
  }
}

function unseen(): Seen {
  return { calls: 0, failed: 0, open: 0, requests: 0, failures: {}, latencies: new Latencies(), events: {} };
}
