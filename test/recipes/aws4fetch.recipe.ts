import { AwsClient } from 'aws4fetch';
import { createFetch, sign, standard } from 'kyoa';

const aws = new AwsClient({ accessKeyId: 'id', secretAccessKey: 'secret', region: 'eu-central-1', service: 's3' });

// Innermost: each attempt has the time of its own.
const signed = sign((request, { date }) =>
  aws.sign(request, { aws: { datetime: date.toISOString().replace(/[:-]|\.\d{3}/g, '') } }),
);
const s3 = createFetch({ use: [...standard(), signed] });

/** The server makes the same signature of what has arrived, and compares. */
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { loopback, type Loopback } from './loopback.ts';

const verifier = (): Promise<Loopback> =>
  loopback(async (seen, response, request) => {
    const chunks: Uint8Array[] = [];
    for await (const chunk of request) chunks.push(chunk as Uint8Array);
    const datetime = String(seen.headers['x-amz-date']);
    const url = `http://${seen.headers.host}${seen.url}`;
    const body = chunks.length > 0 ? { body: Buffer.concat(chunks) } : {};
    const own = await aws.sign(url, { method: seen.method, ...body, aws: { datetime } });
    const isSame = own.headers.get('authorization') === seen.headers.authorization;
    response.writeHead(isSame ? 200 : 403).end(isSame ? 'stored' : 'SignatureDoesNotMatch');
  });

test('an object is stored after a 503 and a reset', async () => {
  await using server = await verifier();
  server.trouble(503, 'reset');
  const response = await s3(`${server.url}/bucket/a.txt?partNumber=1`, { method: 'PUT', body: 'content' });
  assert.equal(await response.text(), 'stored');
  assert.equal(server.seen.length, 3);
});

test('each attempt has a signature of its own', async () => {
  await using server = await verifier();
  server.trouble(503);
  await (await s3(`${server.url}/bucket/a.txt`)).text();
  const dates = server.seen.map(({ headers }) => headers['x-amz-date']);
  assert.equal(dates.length, 2);
  assert.ok(dates.every((date) => /^\d{8}T\d{6}Z$/.test(String(date))));
});
