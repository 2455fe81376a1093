/** The decisions of the onion that are counted, once for all tools: `kyoa.retries` here is `kyoa_retries_total` there. */
import type { Fact } from '../core/events.ts';

export interface Counter {
  readonly name: string;
  readonly help: string;
  /** The facts of the event that are told apart, with all their values where these are few. */
  readonly by?: Readonly<Record<string, readonly string[]>>;
}

export const counters: Readonly<Partial<Record<Fact['type'], Counter>>> = {
  'timeout.exceeded': {
    name: 'timeouts',
    help: 'Limits that ran out, by phase.',
    by: { phase: ['total', 'headers', 'idle'] },
  },
  'retry.scheduled': { name: 'retries', help: 'Attempts after the first.' },
  'retry.abandoned': {
    name: 'retries_abandoned',
    help: 'Calls whose failure stood, by what ended the retrying.',
    by: { reason: ['retries', 'budget', 'deadline', 'breaker', 'retry-after', 'body'] },
  },
  'hedge.launched': { name: 'hedges', help: 'Copies that were sent besides the original.' },
  'hedge.won': { name: 'hedges_won', help: 'Calls with several copies that got a good answer.' },
  'hedge.suppressed': {
    name: 'hedges_suppressed',
    help: 'Copies that were due and not sent, by reason.',
    by: { reason: ['body', 'budget', 'retry-after'] },
  },
  'race.won': { name: 'races_won', help: 'Races between endpoints with a good answer.' },
  'dedupe.joined': { name: 'deduplicated', help: 'Calls that shared the request of another.' },
  'idempotency.awaited': { name: 'idempotency_waits', help: 'Calls that waited for another with their key.' },
  'idempotency.recovered': { name: 'idempotency_recoveries', help: 'Keys taken over from a holder that was lost.' },
  'idempotency.replayed': { name: 'idempotency_replays', help: 'Calls answered with a stored result.' },
  'idempotency.unrecorded': { name: 'idempotency_unrecorded', help: 'Results that could not be kept.' },
  'breaker.opened': {
    name: 'circuit_openings',
    help: 'Times a circuit opened, failed probes included.',
    by: { key: [] },
  },
  'breaker.rejected': { name: 'circuit_rejections', help: 'Calls refused by an open circuit.', by: { key: [] } },
  'limit.queued': { name: 'limit_queued', help: 'Calls that had to wait for their turn.' },
  'limit.rejected': {
    name: 'limit_rejections',
    help: 'Calls refused by a limit, by reason.',
    by: { reason: ['queue', 'deadline'] },
  },
  'endpoint.ejected': { name: 'endpoint_ejections', help: 'Times an endpoint was left alone for its failures.' },
  'stale-if-error.served': { name: 'stale_served', help: 'Calls answered with an older answer.' },
  'fallback.used': { name: 'fallbacks', help: 'Calls answered with a substitute.' },
};
