/** Classifies how a call ended. */
import { nameError } from './describe.ts';
import type { CallOutcome } from './types.ts';

export interface Ending {
  readonly outcome: CallOutcome;
  readonly label: string;
}

/** The reason of the abort when the time limit of the caller expires. */
export class ImpatienceError extends Error {
  override readonly name = 'ImpatienceError';
}

/** The reason of the abort when the step ends in which the call was made. */
export class LeftError extends Error {
  override readonly name = 'LeftError';
}

const outcomes: Readonly<Record<string, CallOutcome>> = {
  TIMEOUT: 'timed out',
  CIRCUIT_OPEN: 'rejected',
  LIMIT_EXCEEDED: 'rejected',
  IDEMPOTENCY_CONFLICT: 'rejected',
  IDEMPOTENCY_MISMATCH: 'rejected',
  IDEMPOTENCY_UNRECORDED: 'rejected',
  STORAGE: 'rejected',
  BODY_TOO_LARGE: 'rejected',
};

export function ofResponse({ ok, status }: Response): Ending {
  return { outcome: ok ? 'answered' : 'error status', label: String(status) };
}

export function ofError(error: unknown): Ending {
  if (error instanceof ImpatienceError) return { outcome: 'late', label: 'late' };
  if (error instanceof LeftError) return { outcome: 'left', label: 'left' };
  // The callers of the page abort with a reason of their own: only `latest` aborts with this one.
  if (error instanceof DOMException && error.name === 'AbortError') return { outcome: 'replaced', label: 'replaced' };
  const label = nameError(error);
  if (Object.hasOwn(outcomes, label)) return { outcome: outcomes[label]!, label };
  return { outcome: 'broken', label: error instanceof TypeError ? 'broken' : label };
}
