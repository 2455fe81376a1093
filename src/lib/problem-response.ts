/** The response of a handler that refuses a request, as `application/problem+json` (RFC 9457). */

export interface Problem {
  /** A URI that names the kind of problem. */
  readonly type?: string;
  readonly title: string;
  readonly detail: string;
  readonly [extension: string]: unknown;
}

export function problem(status: number, facts: Problem, headers: Readonly<Record<string, string>> = {}): Response {
  const body = JSON.stringify({ ...facts, status });
  return new Response(body, { status, headers: { ...headers, 'content-type': 'application/problem+json' } });
}
