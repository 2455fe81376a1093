import { describe, expect, test } from 'vitest';
import { KyoaError, StorageError, TimeoutError } from '../../src/core/errors.ts';
import { isFailure, isFinal, isTransient, settle, outcomeFacts, unwrap } from '../../src/lib/outcome.ts';

describe('outcome', () => {
  test('is the response of what resolves, and comes back out of it', async () => {
    const response = new Response('answer');
    const outcome = await settle(Promise.resolve(response));
    expect(outcome).toEqual({ response });
    expect(unwrap(outcome)).toBe(response);
    expect(response.bodyUsed).toBe(false);
  });

  test.for([new Error('below'), 'a string', null, undefined])(
    'is the error of what rejects, and is thrown again as it was: %o',
    async (error) => {
      const outcome = await settle(Promise.reject(error));
      expect(outcome).toEqual({ error });
      let thrown: unknown = 'nothing';
      try {
        unwrap(outcome);
      } catch (caught) {
        thrown = caught;
      }
      expect(thrown).toBe(error);
    },
  );

  test('tells of itself the status, or the error', () => {
    const error = new Error('below');
    expect(outcomeFacts({ response: new Response(null, { status: 204 }) })).toEqual({ status: 204 });
    expect(outcomeFacts({ error })).toEqual({ error });
  });

  test('may be mended after a limit that ran out and after a failure of the network', () => {
    const cause = Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' });
    expect(isTransient(new TimeoutError({ phase: 'headers', limit: 1, elapsed: 1 }))).toBe(true);
    expect(isTransient(new TypeError('fetch failed', { cause }))).toBe(true);
    expect(isTransient(new TypeError('Failed to fetch'))).toBe(true);
  });

  test.for([
    new TypeError("Cannot read properties of undefined (reading 'json')"),
    new DOMException('This operation was aborted', 'AbortError'),
    AbortSignal.abort().reason as unknown,
    new KyoaError('BAD_MIDDLEWARE', 'the middleware x resolved to undefined'),
    new StorageError('The store is full'),
    'a string',
    undefined,
  ])('is not mended after %o', (error) => {
    expect(isTransient(error)).toBe(false);
  });

  test('is a failure from 500 on, and without an answer', () => {
    const failures = [200, 304, 404, 429, 499, 500, 503, 599].filter((status) =>
      isFailure({ response: new Response(null, { status }) }),
    );
    expect(failures).toEqual([500, 503, 599]);
    expect(isFailure({ error: new Error('below') })).toBe(true);
    expect(isFailure({ error: undefined })).toBe(true);
  });

  test('is final below 500, unless the request may yet be carried out', () => {
    const final = [200, 204, 304, 400, 404, 408, 409, 422, 425, 429, 500, 503].filter((status) =>
      isFinal({ response: new Response(null, { status }) }),
    );
    expect(final).toEqual([200, 204, 304, 400, 404, 422]);
    expect(isFinal({ error: new Error('below') })).toBe(false);
  });
});
