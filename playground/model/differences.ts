/** The settings of a configuration that are not those of its preset. */
import { settingFields } from '../network/fields.ts';
import type { SettingField } from '../network/fields.ts';
import { presets } from '../network/presets.ts';
import { settingOf } from '../network/setting-path.ts';
import type { Configuration } from './types.ts';

export interface Difference {
  readonly field: SettingField;
  readonly value: unknown;
}

export function differences({ preset, settings }: Pick<Configuration, 'preset' | 'settings'>): readonly Difference[] {
  const base = presets[preset]!.settings;
  return settingFields
    .map((field) => ({ field, value: settingOf(settings, field.path) }))
    .filter(({ field, value }) => JSON.stringify(value) !== JSON.stringify(settingOf(base, field.path)));
}
