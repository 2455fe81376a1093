/** The parts of an upload that decide without a server. */
import { CircuitOpenError, LimitError, TimeoutError } from 'kyoa';
import { NetworkError } from 'ky';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

import { ChunkSize } from '../../src/upload/chunk-size.ts';
import { Continuations, mayContinue } from '../../src/upload/continuations.ts';
import { limitsOf } from '../../src/upload/draft.ts';
import { bytesIn } from '../../src/upload/protocol.ts';

const mebibyte = 1024 * 1024;

describe('the size of a part', () => {
  test('begins with 1 MiB, and comes to what the line takes in 2 s', () => {
    const chunk = new ChunkSize(undefined);
    const sizes = [];
    for (let n = 0; n < 8; n += 1) {
      sizes.push(chunk.bytes / mebibyte);
      chunk.confirmed(chunk.bytes, (chunk.bytes / (5 * mebibyte)) * 1_000); // 5 MiB/s
    }
    expect(sizes).toEqual([1, 2, 4, 8, 10, 10, 10, 10]);
  });

  test('at most doubles and halves, and is from 256 KiB to 64 MiB', () => {
    const chunk = new ChunkSize(undefined);
    for (let n = 0; n < 10; n += 1) chunk.confirmed(chunk.bytes, 0);
    expect(chunk.bytes).toBe(64 * mebibyte);
    chunk.confirmed(chunk.bytes, 1e9);
    expect(chunk.bytes).toBe(32 * mebibyte);
    for (let n = 0; n < 10; n += 1) chunk.confirmed(chunk.bytes, 1e9);
    expect(chunk.bytes).toBe(mebibyte / 4);
  });

  test('is a multiple of 256 KiB', () => {
    const chunk = new ChunkSize(undefined);
    chunk.confirmed(mebibyte, 1_234);
    expect(chunk.bytes % (256 * 1024)).toBe(0);
  });

  test('is halved after a failure, to 64 KiB', () => {
    const chunk = new ChunkSize(undefined);
    const sizes = [];
    while (chunk.halve()) sizes.push(chunk.bytes / 1024);
    expect(sizes).toEqual([512, 256, 128, 64]);
  });

  test('that is given stays as it is, within the limits of the server', () => {
    const chunk = new ChunkSize(1_000);
    expect(chunk.halve()).toBe(false);
    chunk.confirmed(1_000, 1);
    expect(chunk.bytes).toBe(1_000);
    chunk.bound({ minAppend: 2_000 });
    expect(chunk.bytes).toBe(2_000);
    chunk.bound({ maxAppend: 1_500, minAppend: 2_000 });
    expect(chunk.bytes).toBe(1_500);
    expect(new ChunkSize(Infinity).bytes).toBe(Infinity);
  });

  test('is not halved below what the server accepts', () => {
    const chunk = new ChunkSize(undefined);
    chunk.bound({ minAppend: mebibyte });
    expect(chunk.halve()).toBe(false);
  });
});

describe('Upload-Limit', () => {
  const parse = (value?: string): unknown =>
    limitsOf(new Response(null, value === undefined ? {} : { headers: { 'upload-limit': value } }));

  test.each([
    ['max-size=10', { maxSize: 10 }],
    [
      'max-size=1, min-size=0 ,max-append-size=3,  min-append-size=4',
      { maxSize: 1, minSize: 0, maxAppend: 3, minAppend: 4 },
    ],
    ['max-age=3600', {}],
    ['max-size=1, max-size=2', { maxSize: 2 }],
    ['a="x, max-size=5; \\" y", b=?1, c=:aGk=:, d=(1 2);q=3, e, f=tok/en, max-size=7;why="a,b"', { maxSize: 7 }],
    ['', {}],
  ])('%s is read', (value, limits) => expect(parse(value)).toEqual(limits));

  test.each([
    'max-size',
    'max-size=1.5',
    'max-size=-1',
    'max-size="1"',
    'max-size=?1',
    'Max-Size=1',
    '=1',
    'a=1 b=2',
    'max-size=1, "',
  ])('%s is ignored as a whole', (value) => expect(parse(value)).toBeUndefined());

  test('that is absent has no limits', () => expect(parse()).toBeUndefined());
});

test.each([
  ['0', 0],
  ['123456789012345', 123456789012345],
  ['-1', undefined],
  ['1.5', undefined],
  ['1e3', undefined],
  ['', undefined],
  ['1, 2', undefined],
])('an offset %j is %j', (value, offset) => {
  expect(bytesIn(new Response(null, { headers: { 'upload-offset': value } }), 'upload-offset')).toBe(offset);
});

describe('after a failure', () => {
  const response = (status: number, headers = {}): { response: Response } => ({
    response: new Response(null, { status, headers }),
  });
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  test('of the network, of a limit or of a policy, another request may do better', () => {
    const request = new Request('http://api.example/');
    const reset = Object.assign(new TypeError('fetch failed'), { cause: { code: 'ECONNRESET' } });
    const errors = [
      reset,
      new NetworkError(request, { cause: reset }),
      new TimeoutError({ phase: 'total', limit: 1, elapsed: 1 }),
      new CircuitOpenError('http://api.example', 0),
      new LimitError('http://api.example', 'queue'),
    ];
    for (const error of errors) expect(mayContinue({ error })).toBe(true);
    for (const status of [408, 423, 425, 429, 500, 503]) expect(mayContinue(response(status))).toBe(true);
    for (const error of [new TypeError('x is no function'), new DOMException('', 'AbortError'), undefined])
      expect(mayContinue({ error })).toBe(false);
    for (const status of [400, 401, 404, 409, 413]) expect(mayContinue(response(status))).toBe(false);
  });

  test.each([
    ['the backoff', response(503), 100],
    ['what the response asks for', response(503, { 'retry-after': '5' }), 5_000],
    ['the backoff, if it is longer', response(503, { 'retry-after': '0' }), 100],
  ])('the next request waits for %s', async (_, outcome, pause) => {
    let next: boolean | undefined;
    void new Continuations(1, () => 100, new AbortController().signal).next(outcome).then((may) => (next = may));
    await vi.advanceTimersByTimeAsync(pause - 1);
    expect(next).toBeUndefined();
    await vi.advanceTimersByTimeAsync(1);
    expect(next).toBe(true);
  });

  test('it waits until an open circuit lets a request pass', async () => {
    let next: boolean | undefined;
    const error = new CircuitOpenError('key', Date.now() + 2_000);
    void new Continuations(1, () => 0, new AbortController().signal).next({ error }).then((may) => (next = may));
    await vi.advanceTimersByTimeAsync(1_999);
    expect(next).toBeUndefined();
    await vi.advanceTimersByTimeAsync(1);
    expect(next).toBe(true);
  });

  test('the number of failures counts those since the last new byte', async () => {
    const retries: number[] = [];
    const backoff = (retry: number): number => {
      retries.push(retry);
      return 0;
    };
    const continuations = new Continuations(2, backoff, new AbortController().signal);
    expect(await continuations.next(response(500))).toBe(true);
    continuations.reset();
    expect(await continuations.next(response(500))).toBe(true);
    expect(await continuations.next(response(500))).toBe(true);
    expect(await continuations.next(response(500))).toBe(false);
    expect(retries).toEqual([1, 1, 2, 3]);
  });
});
