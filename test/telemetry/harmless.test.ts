import { describe, expect, test, vi } from 'vitest';
import { harmless } from '../../src/telemetry/harmless.ts';

describe('harmless', () => {
  test('returns what the work returns', () => {
    expect(harmless(() => 7)).toBe(7);
  });

  test('reports what the work throws, and returns undefined', () => {
    const reported = vi.spyOn(console, 'error').mockImplementation(() => {});
    const error = new Error('the exporter is down');
    expect(
      harmless(() => {
        throw error;
      }),
    ).toBeUndefined();
    expect(reported.mock.calls).toEqual([['kyoa: telemetry failed', error]]);
    reported.mockRestore();
  });
});
