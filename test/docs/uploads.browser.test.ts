/** What the pages say of `onUploadProgress` in Chromium: its body would be a stream, which Chromium sends over HTTP/2 alone. */
import kyoa from 'kyoa';
import { describe, expect, test } from 'vitest';

// The server of this page speaks HTTP/1.1. It has nothing at this address, which is a response like any other.
const url = `${location.origin}/nothing`;
const body = new Blob(['a'.repeat(300_000)]);
const api = kyoa.create({ throwHttpErrors: false, retry: { backoff: () => 0 } });

describe('`onUploadProgress` in Chromium', () => {
  test('reports nothing to an `http:` URL, and the request is sent as it is', async () => {
    const reports: number[] = [];
    for (const method of ['post', 'put'] as const) {
      const response = await api[method](url, { body, onUploadProgress: ({ percent }) => reports.push(percent) });
      expect(response.status).toBe(404);
    }
    expect(reports).toEqual([]);
  });
});
