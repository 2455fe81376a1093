/** The stack of policies through which `load` sends its calls. */
import { standard, type LiveStack, type Middleware } from '../../../src/index.ts';
import { policy } from '../../../src/policy.ts';
import type { LoadOptions } from './options.ts';

/**
 * That of the policy document, or kyoa's default. The calls of a run are alike, so `dedupe` would send one of them for all that
 * are in flight: it is off, here or for each call.
 */
export function stackOf({
  timeout,
  document,
  environment,
}: Pick<LoadOptions, 'timeout' | 'document' | 'environment'>): Middleware[] | LiveStack {
  if (document !== undefined) return policy(document, { environment });
  return standard({ timeout: { total: timeout }, dedupe: false });
}
