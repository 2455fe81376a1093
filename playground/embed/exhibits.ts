/** All exhibits, by the name of the policy's page. */
import type { Exhibit } from './exhibit.ts';
import { breaker, fallback, limit, staleIfError } from './exhibits/degrade.ts';
import { auth, sign } from './exhibits/identity.ts';
import { hedge, latest, race, timeout } from './exhibits/latency.ts';
import { deadline, shed } from './exhibits/server.ts';
import { log, metrics, observe, trace } from './exhibits/telemetry.ts';
import { chaos, dedupe, endpoints, idempotency, maxBody, resume, retry } from './exhibits/traffic.ts';

export const exhibits: Readonly<Record<string, () => Exhibit>> = {
  auth,
  breaker,
  chaos,
  deadline,
  dedupe,
  endpoints,
  fallback,
  hedge,
  idempotency,
  latest,
  limit,
  log,
  'max-body': maxBody,
  metrics,
  observe,
  race,
  resume,
  retry,
  shed,
  sign,
  'stale-if-error': staleIfError,
  timeout,
  trace,
};
