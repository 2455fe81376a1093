/** The HTTP cache of browsers. */
import { isRequestBound } from './request-bound.ts';

/**
 * Whether the platform's fetch has an HTTP cache. Chromium holds back a second GET of a URL for up to 20 s, until the headers
 * of the first one show whether the cache can serve it; `cache: 'no-store'` bypasses that lock. Elsewhere the mode would only
 * add `Cache-Control: no-cache` to the request, or be refused.
 */
export function hasHttpCache(): boolean {
  return typeof document !== 'undefined' || ('WorkerGlobalScope' in globalThis && !isRequestBound());
}
