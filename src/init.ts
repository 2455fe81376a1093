/** The init of a call, sorted by who takes each member. */
import type { CallOptions } from './call-options.ts';

/** What `Request` takes; `duplex` and `priority` are younger than TypeScript's list. */
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

/** Of a call without an init. */
export const emptyInit: RequestInit & CallOptions = {};
/** The same, sorted; every such call has this one. */
export const noParts: InitParts = {
  signal: undefined,
  request: Object.freeze({}),
  options: Object.freeze({}),
  transport: Object.freeze({}),
};

export interface InitParts {
  readonly signal: AbortSignal | null | undefined;
  /** What Request takes, but for the signal. */
  readonly request: RequestInit;
  readonly options: Record<string, unknown>;
  readonly transport: Record<string, unknown>;
}

/** `ours` are names of options, `callOptionNames` and those of policies that somebody made. */
export function partitionInit(init: RequestInit & CallOptions, ours: ReadonlySet<string>): InitParts {
  const parts = {
    signal: init.signal,
    request: {} as Record<string, unknown>,
    options: {} as Record<string, unknown>,
    transport: {} as Record<string, unknown>,
  };
  for (const [name, value] of Object.entries(init)) {
    if (name === 'signal') continue;
    const where = requestMembers.has(name) ? 'request' : ours.has(name) ? 'options' : 'transport';
    parts[where][name] = value;
  }
  return parts;
}
