/** The init of a call, divided by who takes each member: Request, kyoa's policies, the transport. */
import type { CallOptions } from './call-options.ts';

/** The members of the Fetch Standard's RequestInit, except the signal and `priority`, which the transport takes. */
const requestMembers: ReadonlySet<string> = new Set([
  'method',
  'headers',
  'body',
  'mode',
  'credentials',
  'cache',
  'redirect',
  'referrer',
  'referrerPolicy',
  'integrity',
  'keepalive',
  'window',
  'duplex',
]);

/** The parts of an init that is absent. */
export const noParts: InitParts = {
  signal: undefined,
  request: Object.freeze({}),
  options: Object.freeze({}),
  transport: Object.freeze({}),
};

export interface InitParts {
  readonly signal: AbortSignal | null | undefined;
  /** Members that the Fetch Standard defines for a Request. */
  readonly request: RequestInit;
  /** Per-call overrides. */
  readonly options: Record<string, unknown>;
  /** Every other member. */
  readonly transport: Record<string, unknown>;
}

/** `policies` are the names of `CallOptions` and of all middleware in the stack. */
export function partitionInit(init: RequestInit & CallOptions, policies: ReadonlySet<string>): InitParts {
  const parts = {
    signal: init.signal,
    request: {} as Record<string, unknown>,
    options: {} as Record<string, unknown>,
    transport: {} as Record<string, unknown>,
  };
  for (const [name, value] of Object.entries(init)) {
    if (name === 'signal') continue;
    const where = requestMembers.has(name) ? 'request' : policies.has(name) ? 'options' : 'transport';
    parts[where][name] = value;
  }
  return parts;
}
