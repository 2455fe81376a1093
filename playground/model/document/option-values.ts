/** Options as the onion has them, of options as a policy document has them. */
import { schemas } from 'kyoa/policy';
import { regions } from '../../network/regions.ts';
import { policyOf } from '../catalogue.ts';
import type { OptionDescriptor, OptionValue, OptionValues, PolicyName, Region } from '../types.ts';

export type Json = Readonly<Record<string, unknown>>;

/** What the onion shows in another way than the document says it, or not at all. */
export interface Remark {
  /** The path within the options; empty for all of them. */
  readonly option: string;
  readonly message: string;
}

export interface Options {
  readonly values: OptionValues;
  readonly remarks: readonly Remark[];
}

export function optionValues(name: PolicyName, written: Json): Options {
  const { options: descriptors } = policyOf(name);
  const remarks: Remark[] = [];
  const values: Record<string, OptionValue> = {};
  for (const [option, value] of flat(forms[name]?.(written, (remark) => remarks.push(remark)) ?? written)) {
    const descriptor = descriptors.find((each) => each.name === option);
    if (descriptor === undefined) remarks.push({ option, message: `is left out: the onion has no such option` });
    else if (isValue(descriptor, value)) values[option] = value;
    else remarks.push({ option, message: `is left out: the onion cannot show ${JSON.stringify(value)}` });
  }
  return { values, remarks };
}

type Report = (remark: Remark) => void;

/** The policies with options that a document has in another form. */
const forms: Partial<Record<PolicyName, (options: Json, report: Report) => Json>> = {
  timeout: ({ headers, ...others }) => ({ ...limitsIn(others), ...headersOf(headers) }),
  retry: ({ backoff, budget, ...others }) => ({ ...others, ...backoffOf(backoff), ...budgetOf(budget) }),
  hedge: ({ budget, ...others }) => {
    // A budget without a ratio has that of `budget()`, and not the ratio of hedge.
    const { ratio } = schemas.budget.options;
    const own = budgetOf(budget);
    return { ...others, ...(isJson(budget) && { 'budget.ratio': ratio!.default }), ...own };
  },
  limit: ({ concurrency, ...others }) => {
    const aimd = isJson(concurrency) && ([concurrency['aimd']].flat()[0] ?? {});
    return { ...others, ...(aimd ? { kind: 'aimd', aimd } : { concurrency }) };
  },
  endpoints: ({ list, ...others }, report) => ({ ...others, weight: weightsOf(list as readonly Json[], report) }),
  race: ({ urls, ...others }, report) => {
    const found = regionsOf(urls as readonly string[], 'urls', report).filter((region) => region !== undefined);
    if (found.length < regions.length) report({ option: 'urls', message: `become all of ${regions.join(', ')}` });
    return others;
  },
  fallback: ({ respond }, report) => {
    const { status, ...others } = isJson(respond) ? respond : {};
    if (typeof status === 'string' && Object.keys(others).length === 0) return { note: status };
    report({ option: 'respond', message: 'is left out: the substitute of the onion is { "status": "..." }' });
    return {};
  },
};

/** A limit that never applies is none. */
function limitsIn(limits: Json): Json {
  return Object.fromEntries(Object.entries(limits).filter(([, limit]) => limit !== false && limit !== 'Infinity'));
}

function headersOf(limit: unknown): Json {
  if (!isJson(limit)) return limitsIn({ headers: limit });
  const { estimate, ...headers } = Object([limit['adaptive']].flat()[0]) as Json;
  return { 'headers.kind': 'mean + 2 sd', headers, ...estimateOf(estimate) };
}

function estimateOf(estimate: unknown): Json {
  const [[name, args] = []] = Object.entries(Object(estimate) as Json);
  const [first, second] = [args].flat();
  if (name === undefined || (name === 'meanPlusDeviation' && first === 2)) return {};
  if (name === 'rto') return { 'headers.kind': 'RFC 6298' };
  if (name !== 'quantile' || first !== 0.99) return { 'headers.estimate': `${name}(${String(first)})` };
  const { factor } = Object(second) as Json;
  return { 'headers.kind': 'p99', ...(factor !== undefined && { 'headers.factor': factor }) };
}

function backoffOf(backoff: unknown): Json {
  const [[kind, args] = []] = Object.entries(Object(backoff) as Json);
  if (kind === undefined) return {};
  const [base, cap] = [args].flat();
  return {
    ...(kind !== 'exponential' && { backoff: kind }),
    'backoff.base': base,
    ...(cap !== undefined && { 'backoff.cap': cap }),
  };
}

function budgetOf(budget: unknown): Json {
  if (budget === false) return { budget };
  const { budget: made, ...options } = Object(budget) as Json;
  const given = made === undefined ? options : [made].flat()[0];
  return Object.fromEntries(Object.entries(Object(given) as Json).map(([name, value]) => [`budget.${name}`, value]));
}

function weightsOf(list: readonly Json[], report: Report): Json {
  const urls = list.map(({ url }) => url);
  const found = regionsOf(urls, 'list', report);
  const weights: Record<string, unknown> = Object.fromEntries(regions.map((region) => [region, 0]));
  list.forEach(({ weight, zone }, i) => {
    const region = found[i];
    if (zone !== undefined) report({ option: `list[${i}].zone`, message: 'is left out: the onion has no zones' });
    if (region !== undefined) weights[region] = weight;
  });
  return weights;
}

/** A URL whose path ends with the name of a region is that region; any other URL is the next one that is free. */
function regionsOf(urls: readonly unknown[], option: string, report: Report): readonly (Region | undefined)[] {
  const named = urls.map((url) => regions.find((region) => typeof url === 'string' && url.endsWith(`/${region}`)));
  const free = regions.filter((region) => !named.includes(region));
  return named.map((region, i) => {
    const isTaken = region !== undefined && named.indexOf(region) < i;
    if (region !== undefined && !isTaken) return region;
    const next = free.shift();
    const message =
      next === undefined ? `is left out: there are ${regions.length} regions` : `is the region ${next} here`;
    report({ option: `${option}[${i}]`, message });
    return next;
  });
}

/** By their paths, such as `rate.count`. */
function* flat(options: Json, path = ''): Iterable<[string, unknown]> {
  for (const [name, value] of Object.entries(options)) {
    if (value === undefined) continue;
    if (isJson(value)) yield* flat(value, `${path}${name}.`);
    else yield [path + name, value];
  }
}

function isValue({ kind, choices }: OptionDescriptor, value: unknown): value is OptionValue {
  switch (kind) {
    case 'number':
      return typeof value === 'number';
    case 'switch':
      return typeof value === 'boolean';
    case 'choice':
      return choices!.includes(String(value));
    case 'text':
      return typeof value === 'string';
    default:
      return Array.isArray(value);
  }
}

function isJson(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
