/** Errors of another realm, as those of the platform's fetch are under Jest: they are no instances of our Error. */
import { runInNewContext } from 'node:vm';

import { describe, expect, test } from 'vitest';

import { constant, createFetch, endpoints, explain, log, observe, retry, type Middleware } from '../../src/index.ts';
import { url } from '../support/http.ts';
import { reasonOf } from '../support/promises.ts';

interface Tried extends Error {
  readonly attempts?: number;
}

const foreign = (code: string): Error =>
  runInNewContext(`new TypeError('fetch failed', { cause: Object.assign(new Error('no'), { code }) })`, {
    code,
  }) as Error;

async function failureOf(use: readonly Middleware[], error: Error): Promise<{ reason: Tried; sent: number }> {
  let sent = 0;
  const fetch = createFetch({ use, fetch: () => ((sent += 1), Promise.reject(error)) });
  return { reason: (await reasonOf(fetch(url))) as Tried, sent };
}

const again = retry({ retries: 2, backoff: constant(0), budget: false });

describe('an error of another realm', () => {
  test('is repeated or not by the code of its cause, and says what was tried', async () => {
    const refused = foreign('ECONNREFUSED');
    expect(refused).not.toBeInstanceOf(Error);
    const { reason, sent } = await failureOf([again], refused);
    expect([reason === refused, reason.attempts, sent]).toEqual([true, 3, 3]);
    expect(reason.stack).toMatch(/^TypeError: fetch failed after 3 attempts in \d+ ms: ECONNREFUSED/);
    expect((await failureOf([again], foreign('CERT_HAS_EXPIRED'))).sent).toBe(1);
  });

  test('gets the failures of all endpoints as its cause', async () => {
    const list = [{ url: 'http://a.example' }, { url: 'http://b.example' }];
    const { reason } = await failureOf([again, endpoints(list)], foreign('ECONNREFUSED'));
    expect(reason.cause).toMatchObject({ name: 'AggregateError', code: 'ECONNREFUSED' });
  });

  test('has its name, message and code in a line of log and of explain', async () => {
    const lines: string[] = [];
    const write = (line: string): void => void lines.push(line);
    await failureOf([observe(explain({ write, color: false })), log({ write })], foreign('ECONNREFUSED'));
    expect(JSON.parse(lines[0]!)).toMatchObject({
      error: { name: 'TypeError', message: 'fetch failed', cause: { code: 'ECONNREFUSED' } },
    });
    expect(lines[1]).toContain('failed: ECONNREFUSED after ');
  });
});
