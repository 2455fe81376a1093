/**
 * Writes a configuration into the hash of a URL, and reads it:
 *
 *   #v=1&net=flaky&latency.median=40&rate=100&use=timeout(total:5000)~retry(retries:2,statuses:503+429)~-hedge()
 *
 * The hash contains the settings that differ from the preset, by their paths, and the layers, outermost first. A hyphen
 * marks a disabled layer. A step of a scenario is `#storm/2`, and `#storm/2&v=1&...` after the visitor has changed it.
 */
import { settingFields } from '../network/fields.ts';
import { presetName, presets } from '../network/presets.ts';
import { settingPatch } from '../network/setting-path.ts';
import { change } from '../network/settings.ts';
import type { Settings } from '../network/settings.ts';
import { catalogue } from './catalogue.ts';
import { fastest, slowest, usual } from './configuration.ts';
import { differences } from './differences.ts';
import { stepOf } from './scenarios.ts';
import type { Configuration, Link, OptionDescriptor, OptionValue, PolicyEntry, PolicyName, Stack } from './types.ts';

const version = '1';

/** Returns the hash, including its `#`. */
export function writeLink({ preset, settings, rate, stack }: Configuration): string {
  const changes = differences({ preset, settings }).map(({ field, value }) => {
    return `${field.path}=${write(value as OptionValue)}`;
  });
  const parts = [`v=${version}`, `net=${preset.replaceAll(' ', '-')}`, ...changes, `rate=${rate}`];
  return `#${[...parts, `use=${stack.map(writeEntry).join('~')}`].join('&')}`;
}

/** Never throws. A part that cannot be read keeps its default, and adds a complaint. */
export function readLink(hash: string): Link {
  const text = hash.replace(/^#/, '');
  const [, scenario, number, rest] = /^([a-z]+)\/(\w+)(?:&(.*))?$/.exec(text) ?? [];
  if (scenario === undefined) return readConfiguration(text);

  const place = { scenario, step: Number(number) };
  const step = stepOf(place);
  if (step === undefined) {
    const complaint = `There is no step '${scenario}/${number}'.`;
    return { configuration: usual, place: undefined, hasSettings: false, complaints: [complaint] };
  }
  const { rivals } = step.configuration;
  const changed = rest === undefined ? undefined : readConfiguration(rest);
  const configuration = changed ? { ...changed.configuration, ...(rivals && { rivals }) } : step.configuration;
  return { configuration, place, hasSettings: true, complaints: changed?.complaints ?? [] };
}

function readConfiguration(text: string): Link {
  const place = undefined;
  if (text === '') return { configuration: usual, place, hasSettings: false, complaints: [] };

  const parts = new Map(text.split('&').map((part) => split(part, '=')));
  if (parts.get('v') !== version) {
    const complaint = `This link has another version than ${version}: the page uses its default configuration.`;
    return { configuration: usual, place, hasSettings: false, complaints: [complaint] };
  }
  const complaints: string[] = [];
  const complain = (complaint: string): void => void complaints.push(complaint);
  const { v: _, net, rate, use, ...given } = Object.fromEntries(parts);

  const preset = net === undefined ? usual.preset : presetName(net);
  if (preset === undefined) complain(`There is no preset called '${net}'.`);
  return {
    configuration: {
      preset: preset ?? usual.preset,
      settings: readSettings(presets[preset ?? usual.preset]!.settings, given, complain),
      rate: rate === undefined ? usual.rate : readRate(rate, complain),
      stack: use === undefined ? usual.stack : readStack(use, complain),
    },
    place,
    hasSettings: net !== undefined || Object.keys(given).length > 0,
    complaints,
  };
}

type Complain = (complaint: string) => void;

function readSettings(base: Settings, given: Readonly<Record<string, string>>, complain: Complain): Settings {
  let settings = base;
  for (const [path, text] of Object.entries(given)) {
    const field = settingFields.find((each) => each.path === path);
    if (field === undefined) {
      complain(`There is no setting called '${path}'.`);
      continue;
    }
    try {
      settings = change(settings, settingPatch(path, read(field.kind === 'statuses' ? 'numbers' : field.kind, text)));
    } catch (error) {
      complain(`${(error as Error).message}.`);
    }
  }
  return settings;
}

function readRate(text: string, complain: Complain): number {
  const rate = Number(text);
  if (rate >= slowest && rate <= fastest) return rate;
  complain(`rate must be a number from ${slowest} to ${fastest}, not '${text}'.`);
  return usual.rate;
}

function readStack(text: string, complain: Complain): Stack {
  const entries = text === '' ? [] : text.split('~').map((part) => readEntry(part, complain));
  const counts = new Map<PolicyName, number>();
  return entries.flatMap((entry) => {
    if (entry === undefined) return [];
    const count = (counts.get(entry.policy) ?? 0) + 1;
    counts.set(entry.policy, count);
    return [{ ...entry, id: `${entry.policy}-${count}` }];
  });
}

function readEntry(text: string, complain: Complain): Omit<PolicyEntry, 'id'> | undefined {
  const [, off, name, inner] = /^(-?)(\w+)\((.*)\)$/.exec(text) ?? [];
  const policy = catalogue.find((each) => each.name === name);
  if (policy === undefined || inner === undefined) {
    complain(`'${text}' is not a layer.`);
    return undefined;
  }
  const options: Record<string, OptionValue> = {};
  for (const part of inner === '' ? [] : inner.split(',')) {
    const [option, value] = split(part, ':');
    const descriptor = policy.options.find((each) => each.name === option);
    const known = descriptor && read(descriptor.kind, value);
    if (known === undefined) complain(`'${part}' is not an option of ${policy.name}.`);
    else options[option] = known;
  }
  return { policy: policy.name, on: off === '', options };
}

function writeEntry({ policy, on, options }: PolicyEntry): string {
  const inner = Object.entries(options).map(([name, value]) => `${name}:${write(value)}`);
  return `${on ? '' : '-'}${policy}(${inner.join(',')})`;
}

/** Escapes every character that has a meaning in the hash. */
function write(value: OptionValue): string {
  return [value]
    .flat()
    .map((each) => encodeURIComponent(String(each)).replaceAll(/[()~']/g, escape))
    .join('+');
}

function escape(character: string): string {
  return `%${character.charCodeAt(0).toString(16)}`;
}

function read(kind: OptionDescriptor['kind'], text: string): OptionValue | undefined {
  const list = text === '' ? [] : text.split('+').map(decode);
  switch (kind) {
    case 'number':
      return text === '' || Number.isNaN(Number(text)) ? undefined : Number(text);
    case 'switch':
      return text === 'true' || text === 'false' ? text === 'true' : undefined;
    case 'numbers':
      return list.some((each) => Number.isNaN(Number(each))) ? undefined : list.map(Number);
    case 'words':
      return list;
    default:
      return decode(text);
  }
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // a per cent sign that is not part of an escape
  }
}

function split(text: string, separator: string): [name: string, value: string] {
  const at = text.indexOf(separator);
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)];
}
