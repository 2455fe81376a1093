import { S3Client } from '@aws-sdk/client-s3';
import { FetchHttpHandler } from '@smithy/fetch-http-handler';
import { createFetch, standard } from 'kyoa';

const s3 = (endpoint: string) =>
  new S3Client({
    endpoint,
    region: 'eu-central-1',
    credentials: { accessKeyId: 'id', secretAccessKey: 'secret' },
    forcePathStyle: true,
    requestHandler: new FetchHttpHandler({ customFetch: createFetch({ use: standard(), overrides: false }) }),
    maxAttempts: 1, // or both would retry
    requestChecksumCalculation: 'WHEN_REQUIRED', // in Node the SDK has no checksum for the streams of fetch
  });

/**
 * Every client of the SDK takes the same handler. A signature is valid for 15 minutes, so kyoa may send a signed request
 * again. PUT and DELETE are idempotent and are retried too. A stream is sent once, and S3 needs its length.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { CreateMultipartUploadCommand, GetObjectCommand, NoSuchKey, PutObjectCommand } from '@aws-sdk/client-s3';

import { inTwo, loopback, uploading } from './loopback.ts';

const a = { Bucket: 'files', Key: 'a.txt' };

test('a call survives a 503 and a reset', async () => {
  await using server = await loopback((_, response) => void response.end('content'));
  server.trouble(503, 'reset');
  const { Body } = await s3(server.url).send(new GetObjectCommand(a));
  assert.equal(await Body?.transformToString(), 'content');
  assert.equal(server.seen.length, 3);
});

test('a POST is sent once', async () => {
  const refusal = '<Error><Code>SlowDown</Code><Message>later</Message></Error>';
  await using server = await loopback((_, response) => {
    response.writeHead(503, { 'content-type': 'application/xml' }).end(refusal);
  });
  await assert.rejects(s3(server.url).send(new CreateMultipartUploadCommand(a)), { name: 'SlowDown' });
  assert.equal(server.seen.length, 1);
});

test('a 4xx is the error of the SDK', async () => {
  const refusal = '<Error><Code>NoSuchKey</Code><Message>not here</Message></Error>';
  await using server = await loopback((_, response) => {
    response.writeHead(404, { 'content-type': 'application/xml' }).end(refusal);
  });
  await assert.rejects(s3(server.url).send(new GetObjectCommand(a)), NoSuchKey);
  assert.equal(server.seen.length, 1);
});

test('an object arrives as it is sent', async () => {
  const arrived = Promise.withResolvers<void>();
  await using server = await loopback((_, response) => inTwo(response, 'first ', arrived.promise, 'second'));
  const { Body } = await s3(server.url).send(new GetObjectCommand(a));
  let text = '';
  for await (const bytes of Body!.transformToWebStream()) {
    text += new TextDecoder().decode(bytes as Uint8Array);
    arrived.resolve(); // the server sends the rest only when the first part has arrived
  }
  assert.equal(text, 'first second');
});

test('an upload of a stream arrives as it is created, and once', async () => {
  const arrived = Promise.withResolvers<void>();
  let text = '';
  await using server = await loopback(async (_, response, request) => {
    for await (const bytes of request) {
      text += String(bytes);
      arrived.resolve();
    }
    response.end();
  });
  await s3(server.url).send(new PutObjectCommand({ ...a, Body: uploading(arrived.promise), ContentLength: 12 }));
  assert.equal(text, 'first second');
  assert.equal(server.seen.length, 1);
});

test('an abort in the middle of an object reaches the server', async () => {
  await using server = await loopback((_, response) => void response.write('first'));
  const caller = new AbortController();
  const { Body } = await s3(server.url).send(new GetObjectCommand(a), { abortSignal: caller.signal });
  await assert.rejects(
    async () => {
      for await (const _ of Body!.transformToWebStream()) caller.abort();
    },
    { name: 'AbortError' },
  );
  assert.equal(await server.seen[0]?.over, 'cut');
});
