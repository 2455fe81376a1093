/**
 * The facts of a call under the names and values of OpenTelemetry's semantic conventions for HTTP clients. Every exporter
 * and policy here uses them.
 *
 * @see https://opentelemetry.io/docs/specs/semconv/http/http-metrics/
 */
import type { Context } from '../core/context.ts';
import { isError } from '../core/errors.ts';

/** The bucket bounds that the conventions recommend for `http.client.request.duration`, seconds. */
export const durationBuckets: readonly number[] = [
  0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10,
];

/** The value that the conventions define for all values without one of their own. */
export const otherValue = '_OTHER';

/** RFC 9110 §9, PATCH (RFC 5789), and QUERY. */
const knownMethods = new Set(['CONNECT', 'DELETE', 'GET', 'HEAD', 'OPTIONS', 'PATCH', 'POST', 'PUT', 'QUERY', 'TRACE']);

/** `http.request.method`. */
export function requestMethod({ method }: { readonly method: string }): string {
  return knownMethods.has(method) ? method : otherValue;
}

/** `server.address` and `server.port`. */
export interface ServerAddress {
  readonly address: string;
  readonly port: number | undefined;
}

export function serverAddress(url: string): ServerAddress {
  const [, protocol, address = '', port] = /^(\w+):\/\/(?:[^/?#]*@)?(\[[^\]]*\]|[^/?#:]*)(?::(\d+))?/.exec(url) ?? [];
  const defaultPort = protocol === 'https' ? 443 : protocol === 'http' ? 80 : undefined;
  return { address: address.replace(/^\[|\]$/g, ''), port: port === undefined ? defaultPort : Number(port) };
}

/** `error.type`: the code of the error or of its cause (`ECONNREFUSED`, `TIMEOUT`), else its name; one short word. */
export function errorType(error: unknown): string {
  if (!isError(error)) return otherValue;
  const words = [read(error, 'code'), read(read(error, 'cause'), 'code'), read(error, 'name')];
  const word = words.find((word) => typeof word === 'string' && /^\w{1,64}$/.test(word));
  return typeof word === 'string' ? word : otherValue;
}

/** A getter of an error may throw. */
function read(target: unknown, name: string): unknown {
  try {
    return (target as Record<string, unknown> | null | undefined)?.[name];
  } catch {
    return undefined;
  }
}

/**
 * Whether the caller or a policy aborted a branch of a call for another reason than a limit that expired. The
 * conventions do not count that as an error. An inner policy that aborts only its own branch, such as `latest`, throws an
 * `AbortError`. A limit of kyoa, of a transport and of `AbortSignal.timeout` is a `TimeoutError`.
 *
 * @see https://opentelemetry.io/docs/specs/semconv/http/http-spans/#status
 */
export function isCancelled({ aborted, reason }: Pick<Context, 'aborted' | 'reason'>, error: unknown): boolean {
  const names = [read(error, 'name'), aborted && read(reason, 'name')];
  return (aborted || names[0] === 'AbortError') && !names.includes('TimeoutError');
}

export type CallResult = 'success' | 'failure' | 'aborted';

/** A call fails without a response or with a status of 500 or more. A call that was aborted has not failed. */
export function callResult({ status, aborted }: { readonly status?: number; readonly aborted?: boolean }): CallResult {
  if (status !== undefined) return status >= 500 ? 'failure' : 'success';
  return aborted === true ? 'aborted' : 'failure';
}

/** Limits the cardinality of a label: the first `max` values pass unchanged, every further value becomes `_OTHER`. */
export function boundedLabel(max: number): (value: string) => string {
  const known = new Set<string>();
  return (value) => {
    if (known.has(value)) return value;
    if (known.size >= max) return otherValue;
    known.add(value);
    return value;
  };
}
