import { describe, expect, test } from 'vitest';

import { usual } from '../../../playground/model/configuration.ts';
import { differences } from '../../../playground/model/differences.ts';
import { scenarios } from '../../../playground/model/scenarios.ts';
import { change } from '../../../playground/network/settings.ts';

describe('differences', () => {
  const paths = (configuration: Parameters<typeof differences>[0]): string[] =>
    differences(configuration).map(({ field }) => field.path);

  test('are none for the settings of a preset', () => {
    expect(differences(usual)).toEqual([]);
  });

  test('name each setting that is not that of the preset, with its value', () => {
    const settings = change(usual.settings, { stalls: 0.2, regions: { us: { outage: true } } });
    expect(differences({ preset: 'flaky', settings }).map(({ field, value }) => [field.path, value])).toEqual([
      ['stalls', 0.2],
      ['regions.us.outage', true],
    ]);
  });

  test('name what a step of a scenario changes by itself', () => {
    const steps = scenarios.find(({ id }) => id === 'queue')!.steps;
    expect(paths(steps[0]!.configuration)).toEqual(['latency.median', 'capacity']);
  });
});
