/** The stack of policies through which `load` sends its calls. */
import type { Middleware } from '../../../src/core/context.ts';
import { standard } from '../../../src/index.ts';
import type { LoadOptions } from './options.ts';

/**
 * The calls of a run are alike, so `dedupe` would send one of them for all that are in flight.
 *
 * A policy document is read here: `options.policy` will be its path.
 */
export function stackOf({ timeout }: Pick<LoadOptions, 'timeout'>): Middleware[] {
  return standard({ timeout: { total: timeout }, dedupe: false });
}
