import { describe, expect, test } from 'vitest';
import { findPreset, grant, presets } from '../../../playground/network/presets.ts';
import { change } from '../../../playground/network/settings.ts';

const names = ['steady', 'slow tail', 'flaky', 'brown-out', 'outage', 'one dead region', 'slow drip', 'rate-limited'];

describe('presets', () => {
  test('are all there', () => {
    expect(Object.keys(presets)).toEqual(names);
  });

  test.each(names)('%s holds settings that the control endpoint would take', (name) => {
    const { settings, about } = presets[name]!;
    expect(change(settings, settings)).toEqual(settings);
    expect(about).not.toBe('');
  });

  test.each(names)('%s has its outage, if any, within the run', (name) => {
    const { from, to } = presets[name]!.outage ?? { from: 0, to: 1 };
    expect(from).toBeGreaterThanOrEqual(0);
    expect(to).toBeGreaterThan(from);
    expect(to).toBeLessThanOrEqual(1);
  });

  test('are found by name, a hyphen standing for a blank', () => {
    expect(findPreset('slow tail')).toBe(presets['slow tail']);
    expect(findPreset('slow-tail')).toBe(presets['slow tail']);
    expect(findPreset('brown-out')).toBe(presets['brown-out']);
    expect(findPreset('sunny')).toBeUndefined();
    expect(findPreset('toString')).toBeUndefined();
  });
});

describe('a wish', () => {
  const current = { ...presets['flaky']!.settings, seed: 9 };

  test('for a preset keeps the seed', () => {
    expect(grant(current, { preset: 'steady' })).toEqual({ ...presets['steady']!.settings, seed: 9 });
  });

  test('for a preset and something else lays the one over the other', () => {
    expect(grant(current, { preset: 'steady', resets: 0.5, seed: 3 })).toEqual({
      ...presets['steady']!.settings,
      resets: 0.5,
      seed: 3,
    });
  });

  test('for a preset that is none is refused, with the names that are', () => {
    expect(() => grant(current, { preset: 'sunny' })).toThrow(/^preset must be one of steady, .*, not "sunny"$/);
  });
});
