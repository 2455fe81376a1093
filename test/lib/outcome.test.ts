import { describe, expect, test } from 'vitest';
import { KyoaError, StorageError, TimeoutError } from '../../src/core/errors.ts';
import {
  discardOutcome,
  isFailure,
  isFinal,
  isNotGood,
  isTransient,
  notBefore,
  outcomeFacts,
  setNotBefore,
  settle,
  settleThen,
  suggestedDelay,
  unwrap,
} from '../../src/lib/outcome.ts';
import { networkError } from '../support/http.ts';

const at = (status: number, headers: Record<string, string> = {}): { readonly response: Response } => ({
  response: new Response(null, { status, headers }),
});
const reset = networkError('ECONNRESET');
const refused = networkError('ECONNREFUSED');

describe('outcome', () => {
  test('is the response that a promise resolves to, and unwraps to that response', async () => {
    const response = new Response('body');
    const outcome = await settle(Promise.resolve(response));
    expect(outcome).toEqual({ response });
    expect(unwrap(outcome)).toBe(response);
    expect(response.bodyUsed).toBe(false);
  });

  test.for([new Error('inner'), 'a string', null, undefined])(
    'is the error that a promise rejects with, and unwraps by throwing it unchanged: %o',
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

  test('is passed to the function that follows a promise', async () => {
    const error = new Error('inner');
    expect(await settleThen(Promise.resolve(new Response('body')), ({ response }) => response!.text())).toBe('body');
    expect(await settleThen(Promise.reject(error), (outcome) => outcome.error)).toBe(error);
  });

  test('gives an event its status or its error', () => {
    const error = new Error('inner');
    expect(outcomeFacts(at(204))).toEqual({ status: 204 });
    expect(outcomeFacts({ error })).toEqual({ error });
  });

  test('has its body read to the end when it is discarded', async () => {
    const response = new Response('body');
    discardOutcome({ response });
    discardOutcome({ error: new Error('inner') });
    expect(response.bodyUsed).toBe(true);
  });

  test('is transient after a limit that expired and after an error of the network', () => {
    expect(isTransient(new TimeoutError({ phase: 'headers', limit: 1, elapsed: 1 }))).toBe(true);
    expect(isTransient(reset)).toBe(true);
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
  ])('is not transient after %o', (error) => {
    expect(isTransient(error)).toBe(false);
  });

  test('is a failure from a status of 500 on, and without a response', () => {
    const failures = [200, 304, 404, 429, 499, 500, 503, 599].filter((status) => isFailure(at(status)));
    expect(failures).toEqual([500, 503, 599]);
    expect(isFailure({ error: new Error('inner') })).toBe(true);
    expect(isFailure({ error: undefined })).toBe(true);
  });

  test('is not good when it is a failure or refuses one copy of a request', () => {
    const refusals = [200, 304, 404, 408, 409, 425, 429, 500, 503].filter((status) => isNotGood(at(status)));
    expect(refusals).toEqual([408, 429, 500, 503]);
    expect(isNotGood({ error: new Error('inner') })).toBe(true);
  });

  test('is final below 500, unless the request may still be executed', () => {
    const final = [200, 204, 304, 400, 401, 403, 404, 407, 408, 409, 422, 425, 429, 500, 503].filter((status) =>
      isFinal(at(status)),
    );
    expect(final).toEqual([200, 204, 304, 400, 403, 404, 422]);
    expect(isFinal({ error: new Error('inner') })).toBe(false);
  });

  test('suggests the delay of Retry-After, and none before the first retry after a reset', () => {
    expect(suggestedDelay(at(503, { 'retry-after': '2' }), 1)).toBe(2_000);
    expect(suggestedDelay(at(503, { 'retry-after': '2' }), 3)).toBe(2_000);
    expect(suggestedDelay({ error: reset }, 1)).toBe(0);
  });

  test('suggests no delay otherwise', () => {
    expect(suggestedDelay(at(503), 1)).toBeUndefined();
    expect(suggestedDelay({ error: reset }, 2)).toBeUndefined();
    expect(suggestedDelay({ error: refused }, 1)).toBeUndefined();
    expect(suggestedDelay({ error: 'a string' }, 1)).toBeUndefined();
  });

  test('carries the time until which the next attempt is refused, on its response or on its error', () => {
    for (const outcome of [at(503), { error: new Error('inner') }]) {
      expect(notBefore(outcome)).toBeUndefined();
      setNotBefore(outcome, 5_000);
      expect(notBefore({ ...outcome })).toBe(5_000);
    }
  });

  test('carries no such time when its error is no object', () => {
    for (const error of ['a string', undefined, null]) {
      setNotBefore({ error }, 5_000);
      expect(notBefore({ error })).toBeUndefined();
    }
  });
});
