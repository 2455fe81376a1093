/**
 * A call in the words of OpenTelemetry's semantic conventions for HTTP clients, which every tool here speaks.
 *
 * @see https://opentelemetry.io/docs/specs/semconv/http/http-metrics/
 */
import { TimeoutError } from '../core/errors.ts';

/** The advised bounds of `http.client.request.duration`, seconds. */
export const durationBuckets: readonly number[] = [
  0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10,
];

/** What stands for all values beyond those that are told apart. */
export const other = '_OTHER';

/** RFC 9110 §9, PATCH (RFC 5789), and QUERY. */
const methods = new Set(['CONNECT', 'DELETE', 'GET', 'HEAD', 'OPTIONS', 'PATCH', 'POST', 'PUT', 'QUERY', 'TRACE']);

export function methodOf({ method }: { readonly method: string }): string {
  return methods.has(method) ? method : other;
}

export interface Server {
  readonly address: string;
  readonly port: number | undefined;
}

export function serverOf(url: string): Server {
  const [, protocol, address = '', port] = /^(\w+):\/\/(?:[^/?#]*@)?(\[[^\]]*\]|[^/?#:]*)(?::(\d+))?/.exec(url) ?? [];
  const usual = protocol === 'https' ? 443 : protocol === 'http' ? 80 : undefined;
  return { address: address.replace(/^\[|\]$/g, ''), port: port === undefined ? usual : Number(port) };
}

/** `error.type`: the code of the error or its cause (`ECONNREFUSED`, `TIMEOUT`), else its name; few and short. */
export function errorTypeOf(error: unknown): string {
  if (!(error instanceof Error)) return other;
  const { code, cause, name } = error as Error & { readonly code?: unknown };
  const [word] = [code, (cause as { readonly code?: unknown } | undefined)?.code, name].filter(
    (word) => typeof word === 'string' && /^\w{1,64}$/.test(word),
  );
  return typeof word === 'string' ? word : other;
}

export type CallResult = 'success' | 'failure' | 'aborted';

/** Failed is what has no answer, or one of 500 and above; aborted, what the caller gave up or another copy outran. */
export function callResult(
  { status, error }: { readonly status?: number; readonly error?: unknown },
  { aborted, reason }: { readonly aborted: boolean; readonly reason?: unknown },
): CallResult {
  if (status !== undefined) return status >= 500 ? 'failure' : 'success';
  return aborted && !(reason instanceof TimeoutError) && !(error instanceof TimeoutError) ? 'aborted' : 'failure';
}

/** Tells so many values apart, the first ones; whatever else comes is `_OTHER`. Keeps a label's cardinality bounded. */
export function bounded(most: number): (value: string) => string {
  const known = new Set<string>();
  return (value) => {
    if (known.has(value)) return value;
    if (known.size >= most) return other;
    known.add(value);
    return value;
  };
}
