/** Reads and writes a setting by its path, such as `latency.slow.share`. */
import type { Patch, Settings } from './settings.ts';

export function settingOf(settings: Settings, path: string): unknown {
  return path.split('.').reduce<unknown>((at, name) => Reflect.get(Object(at), name), settings);
}

export function settingPatch(path: string, value: unknown): Patch {
  return path.split('.').reduceRight((inner, name) => ({ [name]: inner }), value) as Patch;
}
