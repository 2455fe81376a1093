/** `GET /api/search?q=`: the results of a search, for a box that one types into. */

const entries =
  'abort, accept, age, alternative, attempt, backoff, body, breaker, budget, cache, call, canary, circuit, client, cookie, ' +
  'copy, deadline, dedupe, delay, digest, drain, endpoint, entity, error, etag, event, expect, fallback, fetch, fork, gateway, ' +
  'handler, header, hedge, history, host, idempotency, jitter, key, latency, latest, lease, limit, link, location, log, memory, ' +
  'method, metrics, middleware, network, observe, onion, origin, outage, outlier, permit, policy, priority, probe, proxy, ' +
  'quantile, queue, race, range, rate, region, replay, request, reset, resilience, response, retry, route, server, signal, ' +
  'span, stack, stale, status, storage, stream, tail, timeout, token, trace, transport, upgrade, vary, window, zone';

const words = entries.split(', ');
/** The maximum of results. */
const most = 6;

/** Words that begin with the text, and then words that contain it. */
export function search(text: string): readonly string[] {
  const wanted = text.trim().toLowerCase();
  if (wanted === '') return [];
  const found = words.filter((word) => word.includes(wanted));
  return [
    ...found.filter((word) => word.startsWith(wanted)),
    ...found.filter((word) => !word.startsWith(wanted)),
  ].slice(0, most);
}
