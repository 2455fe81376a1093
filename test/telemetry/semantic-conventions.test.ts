import { describe, expect, test } from 'vitest';
import { bounded, errorTypeOf, methodOf, serverOf, callResult } from '../../src/telemetry/semantic-conventions.ts';
import { KyoaError, TimeoutError } from '../../src/core/errors.ts';

describe('conventions', () => {
  test.each([
    ['http://api.example/users', 'api.example', 80],
    ['https://api.example?x=1', 'api.example', 443],
    ['http://127.0.0.1:8080/', '127.0.0.1', 8080],
    ['http://[::1]:8080/', '::1', 8080],
    ['https://jane:pass@api.example/', 'api.example', 443],
    ['data:text/plain,x', '', undefined],
  ])('the server of %s is %s, port %s', (url, address, port) => {
    expect(serverOf(url)).toEqual({ address, port });
  });

  test('a method that the RFCs do not know is _OTHER', () => {
    expect(['GET', 'PATCH', 'BREW', 'get'].map((method) => methodOf({ method }))).toEqual([
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
    ['no sentence', Object.assign(new Error('x'), { code: 'no route to 10.0.0.1' }), 'Error'],
    ['_OTHER for what is none', 'text', '_OTHER'],
  ])('the type of an error is %s', (_what, error, type) => {
    expect(errorTypeOf(error)).toBe(type);
  });

  test('only the server and the network fail: not a 4xx, not an abort', () => {
    const { signal } = new AbortController();
    const timeout = new TimeoutError({ phase: 'total', limit: 1, elapsed: 1 });
    expect([200, 404, 500].map((status) => callResult({ status }, signal))).toEqual(['success', 'success', 'failure']);
    expect(callResult({ error: new TypeError('x') }, signal)).toBe('failure');
    const reason = new Error('left');
    expect(callResult({ error: reason }, AbortSignal.abort(reason))).toBe('aborted');
    expect(callResult({ error: timeout }, AbortSignal.abort(timeout))).toBe('failure');
  });

  test('tells the first values apart and no more', () => {
    const label = bounded(2);
    expect(['a', 'b', 'c', 'a', 'd'].map((value) => label(value))).toEqual(['a', 'b', '_OTHER', 'a', '_OTHER']);
  });
});
