import { inspect } from 'node:util';
import { describe, expect, test } from 'vitest';
import {
  BodySizeError,
  CircuitOpenError,
  KyoaError,
  LimitError,
  StorageError,
  TimeoutError,
  type TimeoutPhase,
} from '../../src/core/errors.ts';

const request = new Request('http://api.example/orders', { method: 'PUT' });
const secret = { method: 'GET', url: 'http://jane:hunter2@api.example/@7?token=hunter2#hunter2' } as Request;

describe('errors', () => {
  test('have a code, and the request and the cause if there are any', () => {
    const cause = new Error('the cause');
    const error = new KyoaError('BAD_MIDDLEWARE', 'what to do', { request, cause });
    expect(error).toBeInstanceOf(Error);
    expect(error).toMatchObject({ name: 'KyoaError', code: 'BAD_MIDDLEWARE', message: 'what to do' });
    expect(error.request).toBe(request);
    expect(error.cause).toBe(cause);
  });

  test('have no cause if none was given', () => {
    const error = new KyoaError('STORAGE', 'what to do');
    expect(error.request).toBeUndefined();
    expect('cause' in error).toBe(false);
  });

  test('show their name and message on the first line of their stack', () => {
    expect(String(new KyoaError('STORAGE', 'what to do'))).toBe('KyoaError: what to do');
    expect(String(new StorageError('what to do'))).toBe('StorageError: what to do');
    expect(new StorageError('what to do').stack).toContain('what to do');
  });

  test.for<[TimeoutPhase, string]>([
    ['total', 'No complete response within 300 ms (total): PUT http://api.example/orders'],
    ['headers', 'No response headers within 300 ms (headers): PUT http://api.example/orders'],
    ['idle', 'No next chunk of the body within 300 ms (idle): PUT http://api.example/orders'],
    ['connect', 'No connection within 300 ms (connect): PUT http://api.example/orders'],
    ['write', 'No progress in sending the body within 300 ms (write): PUT http://api.example/orders'],
  ])('name the phase that exceeded its limit: %s', ([phase, message]) => {
    const error = new TimeoutError({ phase, limit: 300, elapsed: 301.5 }, { request });
    expect(error).toMatchObject({ code: 'TIMEOUT', message, phase, limit: 300, elapsed: 301.5 });
    expect(error.request).toBe(request);
  });

  test('show no query, fragment or credentials of the URL of the request', () => {
    const error = new TimeoutError({ phase: 'total', limit: 300, elapsed: 300 }, { request: secret });
    expect(error.message).toBe('No complete response within 300 ms (total): GET http://…@api.example/@7?…#…');
  });

  test.for<[string, Error]>([
    ['a body', new BodySizeError(9, { request: secret })],
    ['a key of a circuit', new CircuitOpenError(secret.url, Date.now())],
    ['a key of a limit', new LimitError(secret.url, 'queue')],
  ])('show none of the URL of %s either', ([, { message }]) => {
    expect(message).toContain('http://…@api.example/@7?…#… ');
  });

  test('show a key that is no URL as it is', () => {
    expect(new LimitError('tenant#42?', 'queue').message).toContain(' tenant#42? ');
  });

  test.for<[string, (error: unknown) => string]>([
    ['console.error', inspect],
    ['JSON.stringify', (error) => JSON.stringify(error)],
    ['structuredClone', (error) => inspect(structuredClone(error), { showHidden: true })],
    ['a spread', (error) => inspect({ ...(error as object) }, { showHidden: true })],
  ])('show no header of the request to %s', ([, shown]) => {
    const request = new Request('http://api.example/?token=hunter2', { headers: { authorization: 'Bearer hunter2' } });
    const facts = { phase: 'total', limit: 300, elapsed: 300 } as const;
    for (const error of [new KyoaError('STORAGE', 'x', { request }), new TimeoutError(facts, { request })]) {
      expect(shown(error)).not.toContain('hunter2');
    }
  });

  test('need no request for a timeout', () => {
    const error = new TimeoutError({ phase: 'total', limit: 300, elapsed: 300 });
    expect(error.message).toBe('No complete response within 300 ms (total)');
  });

  test('have the name TimeoutError of the platform and of ky for a timeout', () => {
    const error = new TimeoutError({ phase: 'total', limit: 1, elapsed: 1 });
    expect(error).toBeInstanceOf(KyoaError);
    expect(error.name).toBe('TimeoutError');
    expect(error.name).toBe(new DOMException('', 'TimeoutError').name);
  });

  test('have the message and the cause of the storage that failed', () => {
    const cause = new Error('ECONNREFUSED');
    const error = new StorageError('The store is unreachable', { cause });
    expect(error).toBeInstanceOf(KyoaError);
    expect(error).toMatchObject({ name: 'StorageError', code: 'STORAGE', cause });
  });
});
