import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { isNetworkError, isReset } from '../../src/lib/outcome.ts';
import { faultServer, type FaultServer } from '../support/faults.ts';
import { networkError } from '../support/http.ts';
import { reasonOf } from '../support/promises.ts';

describe('isNetworkError', () => {
  let server: FaultServer;
  beforeEach(async () => {
    server = await faultServer();
  });
  afterEach(() => server.close());

  test.for([
    'ECONNREFUSED',
    'ECONNRESET',
    'EPIPE',
    'ETIMEDOUT',
    'ENOTFOUND',
    'EAI_AGAIN',
    'ENETUNREACH',
    'EHOSTUNREACH',
    'UND_ERR_SOCKET',
    'UND_ERR_CONNECT_TIMEOUT',
    'UND_ERR_HEADERS_TIMEOUT',
    'UND_ERR_BODY_TIMEOUT',
    'ERR_HTTP2_STREAM_ERROR',
    'ERR_HTTP2_SESSION_ERROR',
    'ERR_HTTP2_ERROR',
  ])('accepts an error of Node with the cause %s', (code) => {
    expect(isNetworkError(networkError(code))).toBe(true);
  });

  test('accepts an error with a code of its own, as of node-fetch and nock', () => {
    const reset = Object.assign(new Error('socket hang up'), { code: 'ECONNRESET' });
    expect([isNetworkError(reset), isReset(reset)]).toEqual([true, true]);
    expect(isNetworkError(Object.assign(new Error('no such file'), { code: 'ENOENT' }))).toBe(false);
  });

  test('accepts an error by its message if its cause is no error, as of msw', () => {
    expect(isNetworkError(new TypeError('Failed to fetch', { cause: Response.error() }))).toBe(true);
    expect(isNetworkError(new TypeError('x is not a function', { cause: Response.error() }))).toBe(false);
  });

  test('accepts an error of Deno while it sends a body, by the number of the system', () => {
    const denos = (message: string): Error => new TypeError('fetch failed', { cause: new Error(message) });
    expect(isNetworkError(denos('Connection reset by peer (os error 104)'))).toBe(true);
    expect(isNetworkError(denos('Broken pipe (os error 32)'))).toBe(true);
    expect(isNetworkError(denos('No such file or directory (os error 2)'))).toBe(false);
    expect(isNetworkError(denos('The body is locked'))).toBe(false);
  });

  test("accepts an error of Expo's fetch and of Workers, which is no TypeError", () => {
    expect(isNetworkError(new Error('Network connection lost.'))).toBe(true);
    expect(isNetworkError(new Error('fetch failed: The network connection was lost.'))).toBe(true);
    expect(isNetworkError(new Error('fetch failed'))).toBe(false);
  });

  test.for([
    'DEPTH_ZERO_SELF_SIGNED_CERT',
    'CERT_HAS_EXPIRED',
    'ERR_TLS_CERT_ALTNAME_INVALID',
    'ERR_INVALID_URL',
    'UND_ERR_INVALID_ARG',
    'UND_ERR_REQ_CONTENT_LENGTH_MISMATCH',
    'UND_ERR_ABORTED',
    'EACCES',
    'ENOENT',
  ])('refuses an error of Node with the cause %s, which no retry repairs', (code) => {
    expect(isNetworkError(networkError(code))).toBe(false);
  });

  test.for([
    'Failed to fetch', // Chrome
    'NetworkError when attempting to fetch resource.', // Firefox
    'network error', // Chrome, during a body
  ])('accepts an error of a browser, which has no cause, by its message: %s', (message) => {
    expect(isNetworkError(new TypeError(message))).toBe(true);
  });

  test.for<unknown>([
    new TypeError('x is not a function'),
    new TypeError("Cannot read properties of null (reading 'id')"),
    new Error('Failed to fetch'),
    new DOMException('This operation was aborted', 'AbortError'),
    new DOMException('signal timed out', 'TimeoutError'),
    { code: 'ECONNRESET', cause: { code: 'ECONNRESET' } },
    'Failed to fetch',
    null,
    undefined,
  ])('refuses %o', (error) => {
    expect(isNetworkError(error)).toBe(false);
    expect(isReset(error)).toBe(false);
  });

  test('accepts a refused connection', async () => {
    const error = await reasonOf(fetch(server.refused));
    expect([isNetworkError(error), isReset(error)]).toEqual([true, false]);
  });

  test.for(['localhost'])('accepts a refused connection to %s, which has two addresses', async (host) => {
    const { port } = new URL(server.refused);
    const error = await reasonOf(fetch(`http://${host}:${port}/`));
    expect([isNetworkError(error), isReset(error)]).toEqual([true, false]);
  });

  test.for(['reset', 'fin'])('accepts a connection that ends before the response, by %s', async (how) => {
    const error = await reasonOf(fetch(server.url(`/${how}/before-headers`)));
    expect([isNetworkError(error), isReset(error)]).toEqual([true, true]);
    expect(server.last?.state).toBe('cut');
  });

  test.for(['reset', 'fin'])('accepts a connection that ends during the body, by %s', async (how) => {
    const response = await fetch(server.url(`/${how}/amid-body`));
    const error = await reasonOf(response.text());
    expect([isNetworkError(error), isReset(error)]).toEqual([true, true]);
  });

  test('accepts a response that is not HTTP', async () => {
    expect(isNetworkError(await reasonOf(fetch(server.url('/garbage'))))).toBe(true);
  });

  test('accepts a host name that does not exist', async () => {
    expect(isNetworkError(await reasonOf(fetch('http://no-host.invalid/')))).toBe(true);
  });

  test.for<[string, string]>([
    ['a port that fetch does not call', 'http://127.0.0.1:6000/'],
    ['a scheme that fetch does not know', 'nonsense://127.0.0.1/'],
    ['a URL that is none', 'http://'],
    ['credentials in the URL', 'http://user:secret@127.0.0.1/'],
  ])('refuses %s, although fetch has the same message', async ([, url]) => {
    expect(isNetworkError(await reasonOf(fetch(url)))).toBe(false);
  });

  test('refuses too many redirects, which the server causes', async () => {
    expect(isNetworkError(await reasonOf(fetch(server.url('/redirect/loop'))))).toBe(false);
  });

  test('refuses an abort', async () => {
    const error = await reasonOf(fetch(server.url('/ok'), { signal: AbortSignal.abort() }));
    expect(isNetworkError(error)).toBe(false);
  });
});

describe('isReset', () => {
  test('accepts only the errors that the platform calls a reset', () => {
    expect(['ECONNRESET', 'EPIPE', 'UND_ERR_SOCKET'].map((code) => isReset(networkError(code)))).toEqual([
      true,
      true,
      true,
    ]);
    expect(isReset(networkError('ECONNREFUSED'))).toBe(false);
    expect(isReset(new TypeError('Failed to fetch'))).toBe(false);
  });
});
