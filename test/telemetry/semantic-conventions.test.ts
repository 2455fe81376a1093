import { describe, expect, test } from 'vitest';
import {
  boundedLabel,
  callResult,
  errorType,
  requestMethod,
  serverAddress,
} from '../../src/telemetry/semantic-conventions.ts';
import { KyoaError, TimeoutError } from '../../src/core/errors.ts';

describe('the semantic conventions', () => {
  test.each([
    ['http://api.example/users', 'api.example', 80],
    ['https://api.example?x=1', 'api.example', 443],
    ['http://127.0.0.1:8080/', '127.0.0.1', 8080],
    ['http://[::1]:8080/', '::1', 8080],
    ['https://jane:pass@api.example/', 'api.example', 443],
    ['data:text/plain,x', '', undefined],
  ])('give %s the server address %s and port %s', (url, address, port) => {
    expect(serverAddress(url)).toEqual({ address, port });
  });

  test('give a method that no RFC defines the value _OTHER', () => {
    expect(['GET', 'PATCH', 'BREW', 'get'].map((method) => requestMethod({ method }))).toEqual([
      'GET',
      'PATCH',
      '_OTHER',
      '_OTHER',
    ]);
  });

  test.each([
    ['the code of its cause', new TypeError('x', { cause: { code: 'ECONNREFUSED' } }), 'ECONNREFUSED'],
    ['its own code', new TimeoutError({ phase: 'total', limit: 1, elapsed: 1 }), 'TIMEOUT'],
    ['its own code before that of its cause', new KyoaError('STORAGE', 'x', { cause: { code: 'E' } }), 'STORAGE'],
    ['its name', new DOMException('x', 'AbortError'), 'AbortError'],
    ['its name if the code is not one word', Object.assign(new Error('x'), { code: 'no route to 10.0.0.1' }), 'Error'],
    ['_OTHER if it is not an Error', 'text', '_OTHER'],
  ])('give an error as its type %s', (_what, error, type) => {
    expect(errorType(error)).toBe(type);
  });

  test('count a 5xx, a network error and a timeout as failures, but not a 4xx or an abort', () => {
    const { signal } = new AbortController();
    const timeout = new TimeoutError({ phase: 'total', limit: 1, elapsed: 1 });
    expect([200, 404, 500].map((status) => callResult({ status }, signal))).toEqual(['success', 'success', 'failure']);
    expect(callResult({ error: new TypeError('x') }, signal)).toBe('failure');
    const reason = new Error('left');
    expect(callResult({ error: reason }, AbortSignal.abort(reason))).toBe('aborted');
    expect(callResult({ error: timeout }, AbortSignal.abort(timeout))).toBe('failure');
  });

  test('keep the first values of a bounded label, and replace the others by _OTHER', () => {
    const label = boundedLabel(2);
    expect(['a', 'b', 'c', 'a', 'd'].map((value) => label(value))).toEqual(['a', 'b', '_OTHER', 'a', '_OTHER']);
  });
});
