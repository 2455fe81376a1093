/** From the configured layers to the policies themselves; a layer that stays as it was keeps what it has learnt. */
import type { Adaptive, Middleware, Storage } from 'kyoa';
import { express, policyOf } from './catalogue.ts';
import { evaluate } from './evaluate.ts';
import type { PolicyEntry, Problem, Stack } from './types.ts';

export interface Builder {
  /** Those that are on, outermost first; or why they cannot be built. */
  build(stack: Stack): { readonly layers: readonly BuiltLayer[]; readonly problems: readonly Problem[] };
  /** Closes the storages that were opened. */
  close(): Promise<void>;
}

export interface BuiltLayer {
  readonly entry: string;
  readonly policy: Middleware;
}

export interface BuilderOptions {
  /** Where the calls go, without a slash at its end. */
  readonly origin: string;
  /** Hears every adaptive limit as it is applied, ms. */
  readonly onLimit: (limit: number) => void;
}

export function createBuilder({ origin, onLimit }: BuilderOptions): Builder {
  const built = new Map<string, { readonly text: string; readonly policy: Middleware }>();
  const storages: Storage[] = [];
  const stands = {
    adaptive: (made: unknown) => overheard(made as Adaptive, onLimit),
    indexeddb: (made: unknown) => {
      storages.push(made as Storage);
      return made;
    },
  };

  const make = (entry: PolicyEntry): Middleware => {
    const text = JSON.stringify([entry.policy, entry.options]);
    const known = built.get(entry.id);
    if (known?.text === text) return known.policy;
    const policy = evaluate(express(entry, origin), stands) as Middleware;
    built.set(entry.id, { text, policy });
    return policy;
  };

  return {
    build(stack) {
      const layers: BuiltLayer[] = [];
      const problems: Problem[] = crowded(stack);
      for (const entry of stack.filter(({ on }) => on)) {
        try {
          layers.push({ entry: entry.id, policy: make(entry) });
        } catch (error) {
          problems.push(problemOf(entry, error, origin));
        }
      }
      return { layers, problems };
    },
    async close() {
      await Promise.all(storages.map((storage) => storage.close()));
    },
  };
}

/** The limits that kyoa applies, told to whoever listens; kyoa's own otherwise. */
function overheard(adaptive: Adaptive, onLimit: (limit: number) => void): Adaptive {
  return {
    measure(ctx, what) {
      const measurement = adaptive.measure(ctx, what);
      onLimit(measurement.limit);
      return measurement;
    },
  };
}

function crowded(stack: Stack): Problem[] {
  return stack.flatMap(({ id, policy }, i) => {
    const before = stack.slice(0, i).filter((other) => other.policy === policy).length;
    const { most } = policyOf(policy);
    return before < most ? [] : [{ entry: id, message: `${policy} may stand ${most === 1 ? 'once' : 'twice'}` }];
  });
}

/** At fault is the option without which the policy can be built. */
function problemOf(entry: PolicyEntry, error: unknown, origin: string): Problem {
  const message = error instanceof Error ? error.message : String(error);
  const option = Object.keys(entry.options).find((name) => {
    const { [name]: _, ...others } = entry.options;
    return isGood({ ...entry, options: others }, origin);
  });
  return { entry: entry.id, message, ...(option !== undefined && { option }) };
}

function isGood(entry: PolicyEntry, origin: string): boolean {
  try {
    evaluate(express(entry, origin));
    return true;
  } catch {
    return false;
  }
}
