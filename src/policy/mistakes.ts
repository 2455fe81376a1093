/** Known mistakes: documents that are right in form, and do not do what their authors expect. */
import { catalogue } from './catalogue.ts';
import type { Json, Policy } from './parsed-document.ts';
import { isJsonObject } from './options-as-json.ts';
import { memberPath, type PolicyProblem } from './policy-error.ts';

type Rule = (stack: readonly Policy[]) => readonly PolicyProblem[];

/** For each policy, those that are placed inside it, and why. */
const inside: Readonly<Record<string, readonly (readonly [inner: string, why: string])[]>> = {
  fallback: [['retry', 'a substitute would be the result before any retry']],
  staleIfError: [['retry', 'a stored response would be the result before any retry']],
  dedupe: [['retry', 'callers of a shared request would each have attempts of their own']],
  idempotency: [['retry', 'each attempt would have a key of its own']],
  latest: [['retry', 'a replaced call would be sent again']],
  retry: [
    ['breaker', 'the breaker would count calls and not attempts, and an open circuit would not end the retries'],
    ['limit', 'a call would hold its permit during the pauses between attempts'],
    ['hedge', 'each copy would have retries of its own'],
    ['endpoints', 'a retry would go to the endpoint that has failed'],
    ['trace', 'all attempts would have one span'],
  ],
  hedge: [['endpoints', 'a copy would go to the endpoint of the first request']],
  breaker: [['endpoints', 'each endpoint would need a circuit of its own']],
};

const order: Rule = (stack) =>
  stack.flatMap((outer, index) =>
    stack.slice(index + 1).flatMap((inner) => {
      const why = inside[inner.name]?.find(([name]) => name === outer.name)?.[1];
      return why === undefined
        ? []
        : { path: inner.path, message: `is placed inside ${outer.name}, and belongs outside: ${why}` };
    }),
  );

const twice: Rule = (stack) =>
  ['resume', 'retry', 'hedge', 'dedupe', 'idempotency', 'breaker', 'latest', 'endpoints'].flatMap((name) => {
    const [first, second] = stack.filter((policy) => policy.name === name);
    if (second === undefined) return [];
    const effect = name === 'retry' ? ': their attempts multiply' : '';
    return { path: second.path, message: `is the second ${name} of the stack, after ${first!.path}${effect}` };
  });

const limits: Rule = (stack) => {
  const at = stack.findIndex(({ name }) => name === 'retry');
  const retry = stack[at];
  const timeouts = stack.filter(({ name }) => name === 'timeout');
  const total = timeouts.find(({ options }) => msOf(options['total']) !== undefined);
  const attempt = stack
    .slice(at + 1)
    .find(({ name, options }) => name === 'timeout' && attemptLimit(options) !== undefined);
  const found: PolicyProblem[] = [];
  if (timeouts.length === 0) found.push({ path: 'use', message: 'has no timeout: a call may wait for ever' });
  if (timeouts.length > 0 && !timeouts.some(({ options }) => isOn(options['idle']) || isOn(options['total'])))
    found.push({ path: timeouts[0]!.path, message: 'has neither total nor idle: a body that stalls is never aborted' });
  if (retry === undefined) return found;
  const retries = numberOf(retry, 'retries');
  if (retries > 0 && timeouts.length > 0 && attempt === undefined)
    found.push({
      path: retry.path,
      message:
        'has no timeout inside it: an attempt that hangs is not sent again. Add { "timeout": { "headers": 5000 } } after it',
    });
  if (retries === Infinity && total === undefined)
    found.push({ path: retry.path, message: 'retries without an end: add a timeout with a total before it' });
  const whole = total?.options['total'];
  const each = attempt?.options['headers'] ?? attempt?.options['total'];
  // A limit that is learned is mostly far below its longest.
  if (typeof whole === 'number' && typeof each === 'number' && retries > 0) {
    const fit = Math.floor(whole / each);
    if (fit < 1 + Math.min(retries, 1))
      found.push({
        path: total!.path,
        message: `ends the call after ${whole} ms, and one attempt may take ${each} ms: an attempt that reaches its limit is never followed by another`,
      });
    else if (fit < retries + 1 && retries !== Infinity)
      found.push({
        path: total!.path,
        message: `leaves time for ${fit} attempts of ${each} ms, and retry has ${retries + 1}`,
      });
  }
  return found;
};

const unsafeMethods = ['POST', 'PATCH'];

const resending: Rule = (stack) => {
  const hasKeys = stack.some(({ name, options }) => name === 'idempotency' && options['generate'] !== false);
  return stack.flatMap(({ name, options, path }) => {
    const methods = ((options['methods'] ?? []) as readonly unknown[]).map((method) => String(method).toUpperCase());
    const unsafe = unsafeMethods.filter((method) => methods.includes(method));
    const sends = ['resume', 'retry', 'hedge', 'race'].includes(name);
    if (!sends || unsafe.length === 0 || hasKeys) return [];
    const message = `sends ${unsafe.join(' and ')} more than once without a key: the server may execute it twice. Add { "idempotency": {} } before it`;
    return { path: memberPath(path, 'methods'), message };
  });
};

const load: Rule = (stack) =>
  stack.flatMap((policy): readonly PolicyProblem[] => {
    const { name, options, path } = policy;
    const at = (member: string): string => memberPath(path, member);
    if (name === 'retry' && options['budget'] === false && numberOf(policy, 'retries') > 3)
      return [
        {
          path: at('budget'),
          message: `is off, with ${numberOf(policy, 'retries')} retries: a failing server gets ${numberOf(policy, 'retries') + 1} times the load`,
        },
      ];
    if (name === 'hedge' && options['budget'] === false)
      return [{ path: at('budget'), message: 'is off: when the server is slow, every call is sent twice' }];
    if (name === 'hedge' && options['ratio'] === 0)
      return [{ path: at('ratio'), message: 'is 0: no copy is ever sent. Remove hedge, or write 0.05' }];
    if (name === 'endpoints' && listOf(options['list']).every(({ weight }) => weight === 0))
      return [{ path: at('list'), message: 'has no endpoint with a weight above 0: no call can be sent' }];
    if (name === 'limit' && options['queue'] === 'Infinity')
      return [{ path: at('queue'), message: 'has no end: in an outage, waiting calls fill the memory' }];
    if (name === 'chaos' && options['enabled'] === true)
      return [{ path: at('enabled'), message: 'is true: calls fail on purpose' }];
    return [];
  });

const rules: readonly Rule[] = [order, twice, limits, resending, load];

/** What the authors of a stack most likely did not mean. */
export function mistakesIn(stack: readonly Policy[]): readonly PolicyProblem[] {
  return rules.flatMap((rule) => rule(stack));
}

function isOn(limit: unknown): boolean {
  return limit !== undefined && limit !== null && limit !== false && limit !== 'Infinity';
}

/** The limit of one attempt, ms. */
function attemptLimit({ headers, total }: Json): number | undefined {
  return msOf(headers) ?? msOf(total);
}

/** A limit in ms; of one that is learned, the longest. */
export function msOf(limit: unknown): number | undefined {
  if (typeof limit === 'number') return limit;
  const { adaptive } = Object(limit) as { adaptive?: { max?: number } };
  return adaptive === undefined ? undefined : (adaptive.max ?? 5_000);
}

/** An option, or its default. */
export function numberOf({ name, options }: Policy, member: string): number {
  const [, preset] = (catalogue[name]!.options.shape[member] ?? []) as [unknown?, number?];
  const given = options[member];
  return given === 'Infinity' ? Infinity : ((given as number | undefined) ?? preset ?? 0);
}

function listOf(list: unknown): readonly { readonly weight?: unknown }[] {
  return Array.isArray(list) ? list.filter(isJsonObject) : [];
}
