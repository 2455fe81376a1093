/** The init of a call, divided by who takes each member: Request, kyoa's policies, the transport. */
import type { CallOptions } from './call-options.ts';
import { mayHavePolicy } from './core/compose.ts';
import { listed, requestMembers } from './core/engine/init-members.ts';
import { KyoaError } from './core/errors.ts';
import { isPolicyName, knownKeys, show } from './core/options.ts';
import { isLive, type Stack } from './stack.ts';

/** No overrides. */
export const noNames: ReadonlySet<string> = new Set();

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

/**
 * `policies` are the names of the overrides: those of `CallOptions` and of all middleware in the stack. They are beside
 * the members of RequestInit, or inside `member`.
 */
export function partitionInit(
  init: RequestInit & CallOptions,
  policies: ReadonlySet<string>,
  member?: string,
): InitParts {
  const parts = {
    signal: init.signal,
    request: {} as Record<string, unknown>,
    options: {} as Record<string, unknown>,
    transport: {} as Record<string, unknown>,
  };
  const members = listed(init);
  for (const name in members) {
    if (name === 'signal') continue;
    const value = members[name as keyof typeof init];
    const isOverride = member === undefined && policies.has(name);
    const where = requestMembers.has(name) ? 'request' : isOverride ? 'options' : 'transport';
    if (name === member) {
      if (value !== undefined) parts.options = knownKeys(name, value as Record<string, unknown>, [...policies]);
    } else parts[where][name] = value;
  }
  return parts;
}

/** Refuses an option that no policy of the stack would read, unless it only switches its policy off. */
export function refuseUnused(options: Readonly<Record<string, unknown>>, use: Stack): void {
  for (const [option, value] of Object.entries(options)) {
    const name = option === 'totalTimeout' ? 'timeout' : option;
    if (isOff(value) || !isUnused(name, use)) continue;
    const advice = `add ${name}() or ...standard() to \`use\``;
    throw new KyoaError(
      'INVALID_OPTION',
      `${option} is ${show(value)}, but there is no ${name} in the stack: ${advice}`,
    );
  }
}

/** `false`, 0, ky's `{ limit: 0 }`, and limits that are all `false`. */
export function isOff(value: unknown): boolean {
  const { limit, retries = limit } = Object(value) as Readonly<Record<string, unknown>>;
  const members = Object.values(Object(value) as object);
  return !value || retries === 0 || (members.length > 0 && members.every((member) => member === false));
}

/** Whether it is the option of a policy of kyoa that is not in the stack. A stack that changes may have it later. A deadline holds in any stack. */
export function isUnused(name: string, use: Stack): boolean {
  return name !== 'deadline' && !isLive(use) && isPolicyName(name) && !mayHavePolicy(name, use);
}
