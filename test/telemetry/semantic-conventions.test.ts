import { describe, expect, test } from 'vitest';
import {
  boundedLabel,
  callResult,
  errorType,
  isCancelled,
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

  test('give an error whose members cannot be read the type _OTHER', () => {
    const thrown = (): never => {
      throw new Error('unreadable');
    };
    const error = Object.defineProperties(new Error('x'), {
      name: { get: thrown },
      code: { get: thrown },
      cause: { get: thrown },
    });
    expect(errorType(error)).toBe('_OTHER');
  });

  test('count a 5xx and a missing response as failures, but not a 4xx or an abort', () => {
    expect([200, 404, 500].map((status) => callResult({ status }))).toEqual(['success', 'success', 'failure']);
    expect([callResult({}), callResult({ aborted: true })]).toEqual(['failure', 'aborted']);
  });

  test('count an abort for any reason but a limit as one that was intended', () => {
    const { signal } = new AbortController();
    const left = new Error('left');
    const limit = new TimeoutError({ phase: 'total', limit: 1, elapsed: 1 });
    const platformLimit = new DOMException('too late', 'TimeoutError');
    expect(isCancelled(signal, left)).toBe(false);
    expect(isCancelled(signal, new DOMException('Replaced by a newer call', 'AbortError'))).toBe(true);
    for (const reason of [left, 'left', undefined, new DOMException('x', 'AbortError')]) {
      expect(isCancelled(AbortSignal.abort(reason), reason)).toBe(true);
    }
    for (const reason of [limit, platformLimit]) expect(isCancelled(AbortSignal.abort(reason), reason)).toBe(false);
    expect(isCancelled(AbortSignal.abort(left), limit)).toBe(false);
  });

  test('keep the first values of a bounded label, and replace the others by _OTHER', () => {
    const label = boundedLabel(2);
    expect(['a', 'b', 'c', 'a', 'd'].map((value) => label(value))).toEqual(['a', 'b', '_OTHER', 'a', '_OTHER']);
  });
});
