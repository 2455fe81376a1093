/** The stack of policies through which `load` sends its calls. */
import { standard, type LiveStack, type Middleware } from '../../../src/index.ts';
import type { LoadOptions } from './options.ts';

/**
 * That of the policy document, or kyoa's default. The calls of a run are alike, so `dedupe` would send one of them for all that
 * are in flight: it is off, here or for each call.
 */
export function stackOf({ timeout, live }: Pick<LoadOptions, 'timeout' | 'live'>): Middleware[] | LiveStack {
  return live ?? standard({ timeout: { total: timeout }, dedupe: false });
}
