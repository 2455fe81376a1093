import { describe, expect, test } from 'vitest';
import { presets } from '../../../playground/network/presets.ts';
import { change } from '../../../playground/network/settings.ts';

const { settings } = presets['flaky']!;

describe('a change of settings', () => {
  test('changes the settings that it names and no other', () => {
    const changed = change(settings, { latency: { slow: { share: 0.5 } }, outage: true });
    expect(changed).toEqual({
      ...settings,
      latency: { ...settings.latency, slow: { ...settings.latency.slow, share: 0.5 } },
      outage: true,
    });
  });

  test('leaves the old settings unchanged', () => {
    const before = structuredClone(settings);
    change(settings, { errors: { rate: 1 } });
    expect(settings).toEqual(before);
  });

  test.each([
    ['seed', { seed: -1 }],
    ['seed', { seed: 1.5 }],
    ['latency.median', { latency: { median: '20' } }],
    ['latency.sigma', { latency: { sigma: 4 } }],
    ['latency.slow.share', { latency: { slow: { share: 1.1 } } }],
    ['latency.slow.factor', { latency: { slow: { factor: 0 } } }],
    ['latency.slow', { latency: { slow: 3 } }],
    ['errors.rate', { errors: { rate: Number.NaN } }],
    ['errors.statuses', { errors: { statuses: [] } }],
    ['errors.statuses', { errors: { statuses: [200] } }],
    ['errors.statuses', { errors: { statuses: 503 } }],
    ['errors.retryAfter', { errors: { retryAfter: -1 } }],
    ['resets', { resets: 2 }],
    ['stalls', { stalls: null }],
    ['drip.share', { drip: { share: true } }],
    ['drip.gap', { drip: { gap: 1e9 } }],
    ['outage', { outage: 'yes' }],
    ['weather', { weather: 'fine' }],
    ['latency.mean', { latency: { mean: 3 } }],
    ['constructor', { constructor: {} }],
    ['__proto__', JSON.parse('{"__proto__":{}}') as unknown],
    ['settings', []],
    ['settings', undefined],
  ])('names %s as the invalid field in %j', (field, patch) => {
    expect(() => change(settings, patch)).toThrow(
      expect.objectContaining({ field, message: expect.stringContaining(field) as string }),
    );
  });

  test('describes the valid values in its error', () => {
    expect(() => change(settings, { errors: { rate: 5 } })).toThrow('errors.rate must be a number from 0 to 1, not 5');
  });
});
