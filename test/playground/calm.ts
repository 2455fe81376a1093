/** The settings of a network without delays and faults, except those of the patch. */
import { presets } from '../../playground/network/presets.ts';
import { change, type Patch, type Settings } from '../../playground/network/settings.ts';

export function calm(patch: Patch): Settings {
  return change(change(presets['steady']!.settings, { latency: { median: 0 } }), patch);
}
