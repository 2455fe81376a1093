import { idempotency, type IdempotencyOptions } from 'kyoa';
import { describe, expect, test } from 'vitest';

import { stub } from '../../support/call.ts';
import { numbered, order, url } from './order.ts';

describe('idempotency', () => {
  test.each([
    ['idempotency has no option keys; it has header, methods', { keys: 'x' }],
    ['idempotency header must be a header name, got "Idempotency Key"', { header: 'Idempotency Key' }],
    ['idempotency header must be a header name, got ""', { header: '' }],
    ['idempotency methods must be a list', { methods: 'POST' }],
    ["idempotency format must be 'bare' or 'structured', got \"quoted\"", { format: 'quoted' }],
    ['idempotency ttl must be a number of milliseconds above 0, got 0', { ttl: 0 }],
    ['idempotency lease must be a number of milliseconds above 0, got "1s"', { lease: '1s' }],
    ['idempotency lease must be a number of milliseconds above 0, got null', { lease: null }],
    ["idempotency conflict must be 'wait' or 'throw', got \"409\"", { conflict: '409' }],
    ['idempotency scope must be a function', { scope: 'user' }],
    ['idempotency when must be a function', { when: true }],
  ])('throws for an invalid option: %s', async (message, options) => {
    const refusal = expect.objectContaining({ code: 'INVALID_OPTION', message: expect.stringContaining(message) });
    expect(() => idempotency(options as IdempotencyOptions)).toThrow(refusal);
    const { fetch, sent } = stub([idempotency()], numbered());
    await expect(fetch(url, { ...order, idempotency: options as IdempotencyOptions })).rejects.toThrow(refusal);
    expect(sent).toEqual([]);
  });
});
