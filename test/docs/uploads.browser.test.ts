/** What the pages say of `onUploadProgress` in Chromium: its body is a stream, which Chromium sends over HTTP/2 alone. */
import kyoa from 'kyoa';
import { describe, expect, test } from 'vitest';

// The server of this page speaks HTTP/1.1. It has nothing at this address, which is a response like any other.
const url = `${location.origin}/nothing`;
const body = new Blob(['a'.repeat(300_000)]);
const api = kyoa.create({ throwHttpErrors: false, retry: { backoff: () => 0 } });

describe('`onUploadProgress` over HTTP/1.1 in Chromium', () => {
  test('fails a POST before it is sent', async () => {
    expect((await api.post(url, { body })).status).toBe(404);
    const failed = api.post(url, { body, onUploadProgress: () => {} });
    await expect(failed).rejects.toMatchObject({ name: 'NetworkError' });
  });

  test('costs a PUT its first attempt, and the second reports no progress', async () => {
    const reports: number[] = [];
    const response = await api.put(url, { body, onUploadProgress: ({ percent }) => reports.push(percent) });
    expect(response.status).toBe(404);
    expect(reports.filter((percent) => percent === 1)).toEqual([]);
  });
});
