/** Builds the policies of the configured layers. A layer that has not changed keeps its policy, and so its state. */
import type { Adaptive, Middleware, Storage } from 'kyoa';
import { express, policyOf } from './catalogue.ts';
import { evaluate } from './evaluate.ts';
import type { PolicyEntry, Problem, Stack } from './types.ts';

export interface Builder {
  /** Builds the enabled layers, outermost first, and reports the problems of those that cannot be built. */
  build(stack: Stack): { readonly layers: readonly BuiltLayer[]; readonly problems: readonly Problem[] };
  /** Closes the storages of all policies that were built. */
  close(): Promise<void>;
}

export interface BuiltLayer {
  readonly entry: string;
  readonly policy: Middleware;
}

export interface BuilderOptions {
  /** The origin of the calls, without a slash at its end. */
  readonly origin: string;
  /** Called with every adaptive limit that is applied, ms. */
  readonly onLimit: (limit: number) => void;
}

export function createBuilder({ origin, onLimit }: BuilderOptions): Builder {
  const built = new Map<string, { readonly text: string; readonly policy: Middleware }>();
  const storages: Storage[] = [];
  const wrappers = {
    adaptive: (made: unknown) => reporting(made as Adaptive, onLimit),
    indexeddb: (made: unknown) => {
      storages.push(made as Storage);
      return made;
    },
  };

  const make = (entry: PolicyEntry): Middleware => {
    const text = JSON.stringify([entry.policy, entry.options]);
    const known = built.get(entry.id);
    if (known?.text === text) return known.policy;
    const policy = evaluate(express(entry, origin), wrappers) as Middleware;
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

/** The same adaptive limit, which also reports every limit to `onLimit`. */
function reporting(adaptive: Adaptive, onLimit: (limit: number) => void): Adaptive {
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
    if (before < most) return [];
    return [{ entry: id, message: `A stack may contain ${policy} only ${most === 1 ? 'once' : 'twice'}` }];
  });
}

/** Names the option without which the policy can be built, if there is one. */
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
