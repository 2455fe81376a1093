/** What a log of an error of the client contains. */
import { inspect } from 'node:util';
import { describe, expect } from 'vitest';
import kyoa, { isHTTPError, isNetworkError } from '../../src/index.ts';
import { reasonOf } from '../support/promises.ts';
import { test } from './server.ts';

const options = { headers: { authorization: 'Bearer hunter2' }, retry: 0 };

describe('an error of the client', () => {
  test.for<[string, (error: unknown) => string]>([
    ['console.error', inspect],
    ['JSON.stringify', (error) => JSON.stringify(error)],
    ['structuredClone', (error) => inspect(structuredClone(error), { showHidden: true })],
    ['a spread', (error) => inspect({ ...(error as object) }, { depth: 10 })],
  ])('shows no header of the request and of the response to %s', async ([, shown], { server }) => {
    server.respond((response) => response.writeHead(401, { 'set-cookie': 'sid=hunter2' }).end('no'));
    const hooked = kyoa.extend({ hooks: { beforeError: [({ error }) => error] } });
    for (const send of [kyoa.get, kyoa.post, hooked.get]) {
      const refused = await reasonOf(send(server.origin, options));
      const lost = await reasonOf(send('http://localhost:1', options));
      expect([isHTTPError(refused), isNetworkError(lost)]).toEqual([true, true]);
      for (const error of [refused, lost]) expect(shown(error)).not.toContain('hunter2');
    }
  });

  test('has the request, the response and the options all the same', async ({ server }) => {
    server.respond(418);
    const error = await reasonOf(kyoa.get(server.origin, options));
    if (!isHTTPError(error)) throw error;
    expect(error.request.headers.get('authorization')).toBe('Bearer hunter2');
    expect(error.response.status).toBe(418);
    expect(error.options.method).toBe('GET');
  });

  test('of the user keeps its members', async ({ server }) => {
    const own = Object.assign(new Error('mine'), { request: 'mine' });
    const beforeRequest = [
      () => {
        throw own;
      },
    ];
    expect(Object.keys((await reasonOf(kyoa.get(server.origin, { hooks: { beforeRequest } }))) as object)).toEqual([
      'request',
    ]);
  });
});
