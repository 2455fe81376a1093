/** What came of running what is beneath: an answer or an error, as a value that can be judged and passed on. */
import { TimeoutError } from '../core/errors.ts';
import { isNetworkError } from './network-error.ts';
import type { Context } from '../core/context.ts';

export type Outcome =
  | { readonly response: Response; readonly error?: never }
  | { readonly error: unknown; readonly response?: never };

/** Judges by status, headers and error; it never reads the body. */
export type When = (outcome: Outcome, ctx: Context) => boolean;

export function settle(answer: Promise<Response>): Promise<Outcome> {
  return answer.then(
    (response) => ({ response }),
    (error: unknown) => ({ error }),
  );
}

/** As `judge(await settle(answer))`, with a promise less for every one of the many that are simply good. */
export function settleThen<Verdict>(
  answer: Promise<Response>,
  judge: (outcome: Outcome) => Verdict | Promise<Verdict>,
): Promise<Verdict> {
  return answer.then(
    (response) => judge({ response }),
    (error: unknown) => judge({ error }),
  );
}

/** The outcome as `next()` gave it: the response returned, the error thrown as it was. */
export function unwrap(outcome: Outcome): Response {
  if (outcome.response !== undefined) return outcome.response;
  throw outcome.error;
}

/** The facts of an outcome for an event. */
export function outcomeFacts(outcome: Outcome): { readonly status: number } | { readonly error: unknown } {
  return outcome.response !== undefined ? { status: outcome.response.status } : { error: outcome.error };
}

/** An error that another attempt may mend: of the network, or of a limit that ran out. Never a programming error. */
export function isTransient(error: unknown): boolean {
  return error instanceof TimeoutError || isNetworkError(error);
}

/** The server failed, or there was no answer. */
export function isFailure({ response }: Outcome): boolean {
  return response === undefined || response.status >= 500;
}

/** Below 500, but these say that the request may yet be carried out. */
const undecided = new Set([408, 409, 425, 429]);

/** What was asked for has been done, or refused for good. */
export function isFinal({ response }: Outcome): boolean {
  return response !== undefined && response.status < 500 && !undecided.has(response.status);
}
