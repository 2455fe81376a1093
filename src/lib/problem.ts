/** Responses of a handler that say what is wrong with a request, or with the server: `application/problem+json` (RFC 9457). */

export interface Problem {
  readonly type?: string;
  readonly title: string;
  readonly detail: string;
}

export function problem(status: number, facts: Problem, headers: Readonly<Record<string, string>> = {}): Response {
  const body = JSON.stringify({ ...facts, status });
  return new Response(body, { status, headers: { ...headers, 'content-type': 'application/problem+json' } });
}
