import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { isNetworkError, isReset } from '../../src/lib/network-error.ts';
import { faultServer, type FaultServer } from '../support/faults.ts';

/** A failed fetch as Node reports it. */
function failed(code: string): TypeError {
  return new TypeError('fetch failed', { cause: Object.assign(new Error(code), { code }) });
}

async function errorOf(promise: Promise<unknown>): Promise<Error> {
  return promise.then(
    () => {
      throw new Error('It did not fail');
    },
    (error: Error) => error,
  );
}

describe('network-error', () => {
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
  ])('is one with the cause %s', (code) => {
    expect(isNetworkError(failed(code))).toBe(true);
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
  ])('is none with the cause %s, which no retry mends', (code) => {
    expect(isNetworkError(failed(code))).toBe(false);
  });

  test.for([
    'Failed to fetch', // Chrome
    'NetworkError when attempting to fetch resource.', // Firefox
    'network error', // Chrome, amid a body
  ])('is one by its message in a browser, where there is no cause: %s', (message) => {
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
  ])('is none: %o', (error) => {
    expect(isNetworkError(error)).toBe(false);
    expect(isReset(error)).toBe(false);
  });

  test('is a refused connection', async () => {
    const error = await errorOf(fetch(server.refused));
    expect([isNetworkError(error), isReset(error)]).toEqual([true, false]);
  });

  test.for(['localhost'])('is a refused connection to %s, which has two addresses', async (host) => {
    const { port } = new URL(server.refused);
    const error = await errorOf(fetch(`http://${host}:${port}/`));
    expect([isNetworkError(error), isReset(error)]).toEqual([true, false]);
  });

  test.for(['reset', 'fin'])('is a connection that ends before the answer, by %s', async (how) => {
    const error = await errorOf(fetch(server.url(`/${how}/before-headers`)));
    expect([isNetworkError(error), isReset(error)]).toEqual([true, true]);
    expect(server.last?.state).toBe('cut');
  });

  test.for(['reset', 'fin'])('is a connection that ends amid the body, by %s', async (how) => {
    const response = await fetch(server.url(`/${how}/amid-body`));
    const error = await errorOf(response.text());
    expect([isNetworkError(error), isReset(error)]).toEqual([true, true]);
  });

  test('is an answer that is not HTTP', async () => {
    expect(isNetworkError(await errorOf(fetch(server.url('/garbage'))))).toBe(true);
  });

  test('is a name that nobody has', async () => {
    expect(isNetworkError(await errorOf(fetch('http://nobody.invalid/')))).toBe(true);
  });

  test.for<[string, string]>([
    ['a port that fetch does not call', 'http://127.0.0.1:6000/'],
    ['a scheme that fetch does not know', 'nonsense://127.0.0.1/'],
    ['a URL that is none', 'http://'],
    ['credentials in the URL', 'http://user:secret@127.0.0.1/'],
  ])('is not %s, though fetch says the same of it', async ([, url]) => {
    expect(isNetworkError(await errorOf(fetch(url)))).toBe(false);
  });

  test('is not too many redirects, which are the server’s own', async () => {
    expect(isNetworkError(await errorOf(fetch(server.url('/redirect/loop'))))).toBe(false);
  });

  test('is not an abort, whatever its reason', async () => {
    const error = await errorOf(fetch(server.url('/ok'), { signal: AbortSignal.abort() }));
    expect(isNetworkError(error)).toBe(false);
  });

  test('is a reset only where the platform says so', () => {
    expect(['ECONNRESET', 'EPIPE', 'UND_ERR_SOCKET'].map((code) => isReset(failed(code)))).toEqual([true, true, true]);
    expect(isReset(failed('ECONNREFUSED'))).toBe(false);
    expect(isReset(new TypeError('Failed to fetch'))).toBe(false);
  });
});
