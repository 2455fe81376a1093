/**
 * Requests that aws4fetch signs, to a verifier that demands a date within a second of the arrival. The server is busy at first, so
 * each call has pauses of three seconds. The calls begin at all places of a second, because the date has whole seconds.
 */
import { createServer } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';

import { AwsClient } from 'aws4fetch';

import { undici } from '../../adapters/transport/undici/undici.ts';
import { constant, createFetch, retry, sign, type KyoaFetch, type Middleware } from '../../src/index.ts';
import { refusalOf } from '../../test/support/sigv4.ts';
import { printTable } from '../lib/report.ts';
import type { Proof } from './proof.ts';

const secretAccessKey = 's3cret';
const aws = new AwsClient({ accessKeyId: 'AKID', secretAccessKey, region: 'eu-central-1', service: 'execute-api' });

const again = (): Middleware =>
  retry({ retries: 3, methods, backoff: constant(3_000), random: () => 1, budget: false });
const methods = ['GET', 'PUT', 'POST'];

/** The verifier knows by `x-signed-at`, which is signed, when the signature was made. */
const signed = (): Middleware =>
  sign((request, { date }) => {
    const headers = new Headers(request.headers);
    headers.set('x-signed-at', String(Date.now()));
    const datetime = date.toISOString().replace(/[:-]|\.\d{3}/g, '');
    return aws.sign(new Request(request, { headers }), { aws: { datetime } });
  });

const form = new FormData();
form.append('name', 'Ada');

const bodies: readonly (RequestInit | undefined)[] = [
  undefined,
  { method: 'PUT', body: 'text' },
  // aws4fetch signs no body without a content type.
  { method: 'POST', body: new Uint8Array([1, 2, 255]), headers: { 'content-type': 'application/octet-stream' } },
  { method: 'PUT', body: new Blob(['blob'], { type: 'text/plain' }) },
  { method: 'POST', body: form },
];

/** Refuses what is not signed, or too late. A call, which is a path, gets a 503 at first. */
async function verifier(busy: number) {
  const refused: string[] = [];
  const ages: number[] = [];
  const seen = new Map<string, number>();
  const server = createServer(async (request, response) => {
    const at = Date.now();
    const { method, url: path } = request as { method: string; url: string };
    const headers = new Headers(request.headers as Record<string, string>);
    const arrival = { method, url: `${base}${path}`, headers, body: await buffer(request), at };
    const refusal = refusalOf(arrival, secretAccessKey);
    ages.push(at - Number(headers.get('x-signed-at')));
    const attempt = (seen.get(path) ?? 0) + 1;
    seen.set(path, attempt);
    if (refusal !== undefined) refused.push(`${method} ${path}, attempt ${attempt}: ${refusal}`);
    response.writeHead(refusal === undefined ? (attempt <= busy ? 503 : 200) : 403).end(refusal);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    base,
    refused,
    ages,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

export const signatures: Proof = async ({ smoke }) => {
  const [busy, count] = smoke ? [1, 5] : [3, 20];
  await using server = await verifier(busy);
  await using outside = await verifier(busy);
  const pool = undici();
  const transports = [globalThis.fetch, pool];
  const start = async (fetch: KyoaFetch, { base }: typeof server, n: number): Promise<number> => {
    await sleep(((n % count) / count) * 1_000);
    const response = await fetch(`${base}/orders/${n}?list=a%20b&n=${n}`, bodies[n % bodies.length]);
    await response.text();
    return response.status;
  };
  const calls = (use: () => Middleware[], server: Parameters<typeof start>[1]): Promise<number[]> => {
    const clients = transports.map((fetch) => createFetch({ use: use(), fetch }));
    return Promise.all(
      clients.flatMap((fetch, k) => Array.from({ length: count }, (_, n) => start(fetch, server, count * k + n))),
    );
  };
  const [statuses, others] = await Promise.all([
    calls(() => [again(), signed()], server),
    calls(() => [signed(), again()], outside), // shows that the verifier does not accept all
  ]);
  await pool.close();

  const good = statuses.filter((status) => status === 200).length;
  const oldest = Math.max(...server.ages);
  printTable(
    ['calls', 'good', 'requests', 'refused', 'oldest signature, ms', 'refused if signed before the pauses'],
    [[statuses.length, good, server.ages.length, server.refused.length, oldest, outside.refused.length]],
    'sign',
  );
  const faults = server.refused.map((what) => `sign: ${what}`);
  if (good < statuses.length) faults.push(`sign: ${statuses.length - good} calls have failed`);
  if (oldest > 1_000) faults.push(`sign: a signature has arrived after ${oldest} ms`);
  if (others.some((status) => status !== 403))
    faults.push('sign: the verifier accepts a signature from before a pause');
  return faults;
};
