import { expect, test } from 'vitest';
import { ByteQueue } from '../../../../adapters/transport/undici/byte-queue.ts';

const bytes = (length: number, value = 1): Uint8Array => new Uint8Array(length).fill(value);
const sizes = (queue: ByteQueue): readonly number[] => queue.take().map(({ length }) => length);

test('a queue returns its only chunk as it is', () => {
  const queue = new ByteQueue();
  const chunk = bytes(3);
  queue.push(chunk);
  expect(queue.size).toBe(3);
  expect(queue.take()).toEqual([chunk]);
  expect([queue.size, queue.take()]).toEqual([0, []]);
});

test('a queue joins small chunks in pieces of 16 kB, and leaves large ones as they are', () => {
  const queue = new ByteQueue();
  for (let n = 0; n < 40_000; n += 1) queue.push(bytes(1));
  expect(sizes(queue)).toEqual([1, 16_384, 16_384, 7_231]);
  for (const size of [1, 2, 2_000, 3, 20_000, 4]) queue.push(bytes(size));
  expect(sizes(queue)).toEqual([1, 2_005, 20_000, 4]);
});

test('a queue keeps the order of its bytes', () => {
  const queue = new ByteQueue();
  const lengths = [5, 1, 900, 1_500, 20_000, 3, 16_000, 500, 1];
  const expected = lengths.map((length, at) => bytes(length, at));
  for (const chunk of expected) queue.push(chunk);
  expect(queue.size).toBe(Buffer.concat(expected).length);
  expect(Buffer.concat(queue.take())).toEqual(Buffer.concat(expected));
});
