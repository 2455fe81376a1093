/** `kyoa advise`: from a few calls to a policy document. */
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { adviceOn, announcedLimit } from '../../../adapters/cli/advise/advice.ts';
import type { Sample } from '../../../adapters/cli/advise/measure.ts';
import { checkPolicy, type PolicyDocument } from '../../../src/policy.ts';
import { kyoa } from './kyoa.ts';

describe('adviceOn', () => {
  const sample = (headers: number): Sample => ({
    headers,
    whole: headers + 1,
    status: 200,
    failure: undefined,
    bytes: 100,
  });
  const names = ({ use }: PolicyDocument): string[] => use!.map((entry) => Object.keys(entry)[0]!);
  const steady = Array.from({ length: 200 }, (_, index) => sample(20 + (index % 10)));

  test('gives a document that policy() takes, without mistakes', () => {
    const { document } = adviceOn({ samples: steady, last: new Headers() }, 100);
    const { problems, mistakes } = checkPolicy(document);
    expect({ problems, mistakes }).toEqual({ problems: [], mistakes: [] });
    expect(names(document)).toEqual(['timeout', 'dedupe', 'retry', 'breaker', 'limit', 'timeout']);
  });

  test('proposes copies where they pay, with the smallest share that does', () => {
    const tail = steady.map((good, index) => (index % 14 === 0 ? sample(1_000) : good));
    const { document, reasons } = adviceOn({ samples: tail, last: new Headers() }, 100);
    expect(document.use).toContainEqual({ hedge: { ratio: 0.1 } });
    expect(reasons.find(([policy]) => policy === 'hedge')![1]).toMatch(/from 1\.00 s to about/);
    const few = adviceOn({ samples: tail.slice(0, 20), last: new Headers() }, 100);
    expect(names(few.document)).not.toContain('hedge');
    expect(few.warnings[0]).toContain('20 calls are few');
  });

  test('sizes the limit by the calls that are expected, and by what the server announces', () => {
    const limitAt = (rate: number, headers = {}): unknown =>
      adviceOn({ samples: steady, last: new Headers(headers) }, rate).document.use!.find(
        (entry) => 'limit' in Object(entry),
      );
    expect(limitAt(1_000)).toEqual({ limit: { concurrency: 58 } }); // 2 x 1,000 a second x 29 ms
    expect(limitAt(10, { 'ratelimit-policy': '"d";q=100;w=60' })).toEqual({
      limit: { concurrency: 4, rate: { count: 100, window: 60_000 } },
    });
  });

  test.each([
    ['"default";q=100;w=60', { count: 100, window: 60_000 }],
    ['100;w=60', { count: 100, window: 60_000 }],
    ['"default";q=100', undefined],
    ['', undefined],
  ])('reads the RateLimit-Policy %s', (value, limit) => {
    expect(announcedLimit(new Headers({ 'ratelimit-policy': value }))).toEqual(limit);
  });
});

describe('kyoa advise', { timeout: 60_000 }, () => {
  let server: Server;
  let origin: string;
  let served = 0;
  let inFlight = 0;
  let most = 0;
  beforeAll(async () => {
    server = createServer((_, response) => {
      served += 1;
      most = Math.max(most, (inFlight += 1));
      setTimeout(() => {
        inFlight -= 1;
        response.end('{}');
      }, 5);
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(() => server.close());

  test('calls one after another, and prints the document alone on stdout', async () => {
    const { code, stdout, stderr } = await kyoa('advise', `${origin}/`, '--calls', '20', '--rate', '50');
    expect(code).toBe(0);
    expect(checkPolicy(stdout)).toMatchObject({ problems: [] });
    expect(stderr).toContain('What 20 calls say');
    expect({ served, most }).toEqual({ served: 21, most: 1 });
  });

  test('says that no call succeeded', async () => {
    const gone = createServer().listen(0, '127.0.0.1');
    await once(gone, 'listening');
    const { port } = gone.address() as AddressInfo;
    gone.close();
    await once(gone, 'close');
    const { code, stderr, stdout } = await kyoa('advise', `http://127.0.0.1:${port}/`, '--calls', '3', '--rate', '50');
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toContain('no call succeeded (connection refused). Is the address right?');
  });

  test('refuses a command line without a URL', async () => {
    expect(await kyoa('advise')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('advise needs a URL') as string,
    });
  });
});
