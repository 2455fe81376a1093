/** Reads a policy document: what is wrong with it, what it says, and the stack that it makes of the present one. */
import { checkPolicy, policy } from 'kyoa/policy';
import type { PolicyCheck, PolicyDocument } from 'kyoa/policy';
import { catalogue } from '../catalogue.ts';
import type { Policy } from '../policies/policy.ts';
import type { OptionValues, PolicyEntry, PolicyName, Stack } from '../types.ts';
import { optionValues } from './option-values.ts';
import { entryOf } from './write.ts';

export interface Reading extends PolicyCheck {
  /** What the onion shows in another way than the document says it, or not at all. */
  readonly remarks: PolicyCheck['problems'];
  /** `undefined` while there are problems. */
  readonly stack: Stack | undefined;
}

/**
 * A layer that the document has as well keeps its id, and so its state if its options are the same. A layer that is off is
 * in no document, and stays.
 */
export function readDocument(text: string, present: Stack): Reading {
  const check = checkPolicy(text);
  if (check.problems.length > 0) return { ...check, remarks: [], stack: undefined };
  const remarks: { path: string; line?: number; message: string }[] = [];
  const remark = (path: string, message: string): void => {
    const { line } = check.description.find((each) => path.startsWith(each.path)) ?? {};
    remarks.push({ path, message, ...(line !== undefined && { line }) });
  };
  const { use = ['standard'], secrets, ...document } = JSON.parse(text) as PolicyDocument;
  const wanted = use.flatMap((entry, i) => {
    const isStandard = entry === 'standard' || Object.hasOwn(Object(entry), 'standard');
    return written(entry, secrets).map(({ name, options }) => {
      return { path: `use[${i}]${isStandard ? '.standard' : ''}.${name}`, name, options, isStandard };
    });
  });

  const layers: Wanted[] = [];
  for (const { path, name, options, isStandard } of wanted) {
    const known = catalogue.find((each) => each.name === name);
    // The standard stack has a policy that the onion does not show.
    if (!known && isStandard && Object.keys(options).length === 0) continue;
    const problem = known ? tooMany(known, layers) : `is left out: the onion has no ${name}`;
    if (!known || problem !== undefined) {
      remark(path, problem!);
      continue;
    }
    const { values, remarks: own } = optionValues(known.name, options);
    for (const { option, message } of own) remark(option === '' ? path : `${path}.${option}`, message);
    layers.push({ policy: known.name, options: values });
  }
  for (const part of ['routes', 'environments'] as const) {
    const names = Object.keys(document[part] ?? {});
    if (names.length > 0) remark(part, `are left out: the onion is the same for every call (${names.join(', ')})`);
  }
  return { ...check, remarks, stack: identified(layers, present) };
}

type Wanted = Pick<PolicyEntry, 'policy' | 'options'>;

/** An entry with `standard` expanded, and a number in place of options as the option that it is short for. */
function written(entry: NonNullable<PolicyDocument['use']>[number], secrets: PolicyDocument['secrets']) {
  const live = policy({ use: [entry], secrets }, { env: () => 'https://set.example' });
  live.close();
  return live.snapshot().use;
}

function tooMany({ name, most }: Policy, layers: readonly Wanted[]): string | undefined {
  if (layers.filter((layer) => layer.policy === name).length < most) return undefined;
  return `is left out: the onion has ${name} only ${most === 1 ? 'once' : 'twice'}`;
}

/** Gives the layers the ids of the present ones: of those that say the same, then of those of the same name, in order. */
function identified(layers: readonly Wanted[], present: Stack): Stack {
  const unused = [...present];
  const take = (isTaken: (entry: PolicyEntry) => boolean): PolicyEntry | undefined => {
    const at = unused.findIndex(isTaken);
    return at < 0 ? undefined : unused.splice(at, 1)[0];
  };
  const same = layers.map((layer) => take((entry) => entry.on && meaning(entry) === meaning(layer)));
  const stack = layers.map((layer, i): PolicyEntry => {
    const kept = same[i];
    if (kept) return kept;
    const named = (entry: PolicyEntry): boolean => entry.policy === layer.policy;
    const before = take((entry) => entry.on && named(entry)) ?? take(named);
    return { ...layer, id: before?.id ?? '', on: true, options: { ...storageOf(before), ...layer.options } };
  });
  const ids = new Set([...stack, ...unused].map(({ id }) => id));
  const named = stack.map((entry) => (entry.id === '' ? { ...entry, id: freeId(entry.policy, ids) } : entry));
  return withDisabled(named, unused, present);
}

/** What a layer says in a document. */
function meaning(layer: Wanted): string {
  return JSON.stringify(entryOf(layer, 'https://api.example.com'));
}

/** A document has no storage: the onion keeps the one that it has. */
function storageOf(entry: PolicyEntry | undefined): OptionValues {
  const storage = entry?.options['storage'];
  return storage === undefined ? {} : { storage };
}

function freeId(policy: PolicyName, ids: Set<string>): string {
  let id: string = policy;
  for (let number = 2; ids.has(id); number += 1) id = `${policy}-${number}`;
  ids.add(id);
  return id;
}

function withDisabled(stack: Stack, unused: Stack, present: Stack): Stack {
  const result = [...stack];
  for (const entry of unused) {
    const { most } = catalogue.find(({ name }) => name === entry.policy)!;
    if (entry.on || result.filter(({ policy }) => policy === entry.policy).length >= most) continue;
    result.splice(present.indexOf(entry), 0, entry);
  }
  return result;
}
