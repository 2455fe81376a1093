import { describe, expect, test } from 'vitest';
import { findPreset, grant, presets } from '../../../playground/network/presets.ts';
import { change } from '../../../playground/network/settings.ts';

const names = [
  'steady',
  'slow tail',
  'flaky',
  'brown-out',
  'outage',
  'one dead region',
  'slow drip',
  'broken bodies',
  'rate-limited',
];

describe('presets', () => {
  test('have these names', () => {
    expect(Object.keys(presets)).toEqual(names);
  });

  test.each(names)('include %s, whose settings the control endpoint accepts', (name) => {
    const { settings, about } = presets[name]!;
    expect(change(settings, settings)).toEqual(settings);
    expect(about).not.toBe('');
  });

  test.each(names)('include %s, whose outage, if any, is within the run', (name) => {
    const { from, to } = presets[name]!.outage ?? { from: 0, to: 1 };
    expect(from).toBeGreaterThanOrEqual(0);
    expect(to).toBeGreaterThan(from);
    expect(to).toBeLessThanOrEqual(1);
  });

  test('are found by name, with a hyphen or a blank', () => {
    expect(findPreset('slow tail')).toBe(presets['slow tail']);
    expect(findPreset('slow-tail')).toBe(presets['slow tail']);
    expect(findPreset('brown-out')).toBe(presets['brown-out']);
    expect(findPreset('sunny')).toBeUndefined();
    expect(findPreset('toString')).toBeUndefined();
  });
});

describe('grant', () => {
  const current = { ...presets['flaky']!.settings, seed: 9 };

  test('keeps the seed with a preset', () => {
    expect(grant(current, { preset: 'steady' })).toEqual({ ...presets['steady']!.settings, seed: 9 });
  });

  test('merges other settings over a preset', () => {
    expect(grant(current, { preset: 'steady', resets: 0.5, seed: 3 })).toEqual({
      ...presets['steady']!.settings,
      resets: 0.5,
      seed: 3,
    });
  });

  test('throws for an unknown preset, and lists the presets', () => {
    expect(() => grant(current, { preset: 'sunny' })).toThrow(/^preset must be one of steady, .*, not "sunny"$/);
  });
});
