/**
 * The events that the exporters count, in one list: `retries` is `kyoa.retries` in OpenTelemetry and `kyoa_retries_total`
 * in Prometheus.
 */
import type { Fact } from '../core/events.ts';

export interface Counter {
  readonly name: string;
  readonly help: string;
  /** The members of the event that become labels, each with all its values if they are few and known. */
  readonly labels?: Readonly<Record<string, readonly string[]>>;
}

export const counters: Readonly<Partial<Record<Fact['type'], Counter>>> = {
  'timeout.exceeded': {
    name: 'timeouts',
    help: 'Limits that expired, by phase.',
    labels: { phase: ['total', 'headers', 'idle'] },
  },
  'retry.scheduled': { name: 'retries', help: 'Attempts after the first.' },
  'retry.abandoned': {
    name: 'retries_abandoned',
    help: 'Calls that failed without a further retry, by reason.',
    labels: { reason: ['retries', 'budget', 'deadline', 'breaker', 'retry-after', 'body'] },
  },
  'resume.continued': { name: 'bodies_continued', help: 'Bodies that broke off and went on with their rest.' },
  'resume.restarted': { name: 'bodies_restarted', help: 'Bodies that broke off and were requested again as a whole.' },
  'resume.abandoned': {
    name: 'bodies_abandoned',
    help: 'Bodies that broke off and did not go on, by reason.',
    labels: { reason: ['continuations', 'budget', 'deadline', 'refused', 'changed', 'encoded', 'unsupported'] },
  },
  'hedge.launched': { name: 'hedges', help: 'Copies that were sent in addition to the original request.' },
  'hedge.won': { name: 'hedges_won', help: 'Calls with several copies that got a good response.' },
  'hedge.suppressed': {
    name: 'hedges_suppressed',
    help: 'Copies that were due and were not sent, by reason.',
    labels: { reason: ['body', 'budget', 'retry-after'] },
  },
  'auth.renewed': { name: 'token_renewals', help: 'Renewals of a token.' },
  'auth.refused': { name: 'token_refusals', help: 'Renewals of a token that the token server refused.' },
  'race.won': { name: 'races_won', help: 'Races between endpoints that got a good response.' },
  'dedupe.joined': { name: 'deduplicated', help: 'Calls that shared the request of another call.' },
  'latest.replaced': { name: 'replaced', help: 'Calls that a newer call replaced.' },
  'idempotency.awaited': { name: 'idempotency_waits', help: 'Calls that waited for another call with the same key.' },
  'idempotency.recovered': {
    name: 'idempotency_recoveries',
    help: 'Keys taken over from a holder whose lease expired.',
  },
  'idempotency.replayed': { name: 'idempotency_replays', help: 'Calls that returned a stored response.' },
  'idempotency.unrecorded': { name: 'idempotency_unrecorded', help: 'Responses that could not be stored.' },
  'breaker.opened': {
    name: 'circuit_openings',
    help: 'Times a circuit opened, failed probes included.',
    labels: { key: [] },
  },
  'breaker.rejected': { name: 'circuit_rejections', help: 'Calls refused by an open circuit.', labels: { key: [] } },
  'limit.queued': { name: 'limit_queued', help: 'Calls that waited in the queue of a limit.' },
  'limit.rejected': {
    name: 'limit_rejections',
    help: 'Calls refused by a limit, by reason.',
    labels: { reason: ['queue', 'deadline'] },
  },
  'shed.rejected': {
    name: 'shed_rejections',
    help: 'Requests that a busy server refused, by reason.',
    labels: { reason: ['concurrency', 'delay'] },
  },
  'deadline.rejected': { name: 'deadline_rejections', help: 'Requests refused because too little time was left.' },
  'deadline.exceeded': { name: 'deadlines_exceeded', help: 'Requests without a response before their deadline.' },
  'limit.local': {
    name: 'limit_local',
    help: 'Calls that started within the share of their process, because the store of a shared limit was unreachable.',
  },
  'endpoint.ejected': { name: 'endpoint_ejections', help: 'Times an endpoint was ejected for its failures.' },
  'stale-if-error.served': { name: 'stale_served', help: 'Calls that returned an older response.' },
  'fallback.used': { name: 'fallbacks', help: 'Calls that returned a substitute.' },
};
