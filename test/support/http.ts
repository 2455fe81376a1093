/** Requests, responses and errors that many tests need. Nothing here is of Node, so tests in Chromium can import it. */

/** The URL of a call whose transport is a stub. */
export const url = 'http://api.example/';

/** A response whose body is its status. */
export function responseOf(status: number, headers?: HeadersInit): Response {
  return new Response(`status ${status}`, { status, ...(headers && { headers }) });
}

/** The error with which Node's fetch rejects when a connection fails with this code. */
export function networkError(code: string): TypeError {
  return new TypeError('fetch failed', { cause: Object.assign(new Error(code), { code }) });
}
