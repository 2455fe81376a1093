/** The options of `policy()`, checked. */
import { KyoaError } from '../core/errors.ts';
import { delay, duration, fn, invalid, isPolicyName, knownKeys, storage as checkedStorage } from '../core/options.ts';
import type { Storage } from '../core/storage.ts';
import { catalogue } from './catalogue.ts';
import type { Programs } from './compile.ts';
import type { PolicyDocument } from './document.ts';
import type { PolicyEvent, PolicyOptions } from './live-policy.ts';
import { PolicyError } from './policy-error.ts';
import { platformEnv } from './secrets.ts';
import type { PolicySource } from './source.ts';

export interface Settings {
  readonly programs: Programs;
  readonly environment: string | undefined;
  readonly initial: PolicyDocument;
  readonly wait: number;
  readonly storage: Storage | undefined;
  readonly staleAfter: number;
  readonly listener: (event: PolicyEvent) => void;
}

const names = ['middleware', 'environment', 'env', 'initial', 'wait', 'storage', 'staleAfter', 'listener'];

/** @throws {KyoaError} `INVALID_OPTION` */
export function settingsOf(options: PolicyOptions): Settings {
  knownKeys('policy', options, names);
  const { middleware = {}, env = platformEnv, initial = {}, wait = 5_000, staleAfter = 600_000 } = options;
  const { storage, listener = report } = options;
  const readEnv = fn('policy env', env);
  const { environment = readEnv('NODE_ENV') } = options;
  if (environment !== undefined && typeof environment !== 'string')
    throw invalid('policy environment', environment, "a name, such as 'production'");
  return {
    programs: { middleware: checkedMiddleware(middleware), readEnv },
    environment,
    initial,
    wait: delay('policy wait', wait),
    storage: storage === undefined ? undefined : checkedStorage('policy storage', storage),
    staleAfter: duration('policy staleAfter', staleAfter),
    listener: fn('policy listener', listener),
  };
}

export function checkedMiddleware(middleware: Programs['middleware']): Programs['middleware'] {
  if (typeof middleware !== 'object' || middleware === null || Array.isArray(middleware))
    throw invalid('policy middleware', middleware, 'an object: middleware by name, such as { tenant }');
  for (const [name, own] of Object.entries(middleware)) {
    fn(`policy middleware ${name}`, own);
    if (name === 'standard' || name in catalogue || isPolicyName(name))
      throw new KyoaError('INVALID_OPTION', `policy middleware ${name} has the name of a policy of kyoa: rename it`);
  }
  return middleware;
}

/** The sources, of which snapshots, events and the storage know each by its name. */
export function checkedSources(from: readonly (PolicyDocument | PolicySource)[]): readonly PolicySource[] {
  const first = from.findIndex(isSource);
  if (first >= 0 && from.slice(first).some((given) => !isSource(given)))
    throw new KyoaError(
      'INVALID_OPTION',
      'policy has a document after a source: documents come first, as sources lie over them',
    );
  const sources = from.filter(isSource);
  const names = new Set<string>();
  for (const { name } of sources) {
    if (typeof name !== 'string' || name === '') throw invalid('policy source name', name, 'a text');
    if (names.has(name)) throw new KyoaError('INVALID_OPTION', `policy has two sources named ${name}: rename one`);
    names.add(name);
  }
  return sources;
}

/** A document of the program is data; a source can be watched. */
export function isSource(given: PolicyDocument | PolicySource): given is PolicySource {
  return typeof (given as Partial<PolicySource> | null)?.watch === 'function';
}

function report(event: PolicyEvent): void {
  if (event.type === 'policy.refused') console.warn(`kyoa: ${new PolicyError(event.problems, event.source).message}`);
}
