/** The command line of `npm start`. */
import { parseArgs } from 'node:util';
import { findPreset, presets } from '../network/presets.ts';
import type { Preset } from '../network/presets.ts';

export interface Flags {
  readonly help: boolean;
  /** The preset, by the name it was asked for. */
  readonly name: string;
  readonly preset: Preset;
  readonly seed: number;
  readonly seconds: number;
  /** Calls a second, for each contender. */
  readonly rate: number;
}

export const help: string = `Drives the same calls through plain fetch and through kyoa, against a flaky server.

  npm start -- [flags]

  --preset <name>   the server's weather (flaky)
${Object.entries(presets)
  .map(([name, { about }]) => `                      ${hyphened(name).padEnd(14)}${about}`)
  .join('\n')}
  --seed <n>        the same seed gives the same mishaps in the same order (1)
  --seconds <n>     how long to send calls (8)
  --rate <n>        calls a second, for each of the two (150)
  --help            this text`;

/** Throws an error whose message is meant for the user. */
export function readFlags(args: readonly string[]): Flags {
  const { preset: name, seed, seconds, rate, help } = parse(args);
  const preset = findPreset(name);
  if (!preset) {
    const names = Object.keys(presets).map(hyphened).join(', ');
    throw new Error(`--preset must be one of ${names}, not '${name}'`);
  }
  return {
    help,
    name,
    preset,
    seed: readNumber('--seed', seed, 0, 2 ** 32 - 1, Number.isInteger),
    seconds: readNumber('--seconds', seconds, 1, 600),
    rate: readNumber('--rate', rate, 1, 1_000),
  };
}

type Texts = Readonly<Record<'preset' | 'seed' | 'seconds' | 'rate', string>> & { readonly help: boolean };

function parse(args: readonly string[]): Texts {
  try {
    return parseArgs({
      args: [...args],
      options: {
        preset: { type: 'string', default: 'flaky' },
        seed: { type: 'string', default: '1' },
        seconds: { type: 'string', default: '8' },
        rate: { type: 'string', default: '150' },
        help: { type: 'boolean', default: false },
      },
    }).values;
  } catch (error) {
    // Its first sentence says what is wrong; the rest is advice on positional arguments, of which there are none.
    const [complaint] = String(error instanceof Error ? error.message : error).split('. ');
    throw new Error(`${complaint}; --help lists the flags`, { cause: error });
  }
}

function readNumber(flag: string, text: string, least: number, most: number, isFit = Number.isFinite): number {
  const value = text.trim() === '' ? Number.NaN : Number(text);
  if (isFit(value) && value >= least && value <= most) return value;
  const kind = isFit === Number.isInteger ? 'a whole number' : 'a number';
  throw new Error(`${flag} must be ${kind} from ${least} to ${most}, not '${text}'`);
}

function hyphened(name: string): string {
  return name.replaceAll(' ', '-');
}
