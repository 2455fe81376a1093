/** Which header of a request carries its idempotency key. `retry` repeats a POST only with a key. */
import { privateState } from '../../core/engine/private-state.ts';
import type { Context } from '../../core/context.ts';

/** The header that `idempotency` uses for a call, keyed by `ctx.state`, which all forks of the call share. */
const headers = privateState<string>();

const standard = 'idempotency-key';

export function setKeyHeader(ctx: Context, name: string): void {
  if (name.toLowerCase() !== standard) headers.set(ctx.state, name);
}

export function carriesKey(ctx: Context): boolean {
  return ctx.header(standard) !== null || ctx.header(headers.get(ctx.state) ?? standard) !== null;
}
