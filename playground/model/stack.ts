/** Builds the policies of the configured layers. A layer keeps its policy, and so its state, as long as it can. */
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
  const built = new Map<string, { readonly entry: PolicyEntry; readonly policy: Middleware }>();
  const storages: Storage[] = [];
  const wrappers = {
    adaptive: (made: unknown) => reporting(made as Adaptive, onLimit),
    indexeddb: (made: unknown) => {
      storages.push(made as Storage);
      return made;
    },
  };

  /** `changes` receives what is to be done to a policy in use. */
  const make = (entry: PolicyEntry, changes: (() => void)[]): Middleware => {
    const known = built.get(entry.id);
    if (known !== undefined && isSame(known.entry, entry)) return known.policy;
    const { takesOver } = policyOf(entry.policy);
    const expression = express(entry, origin);
    const policy = evaluate(expression, wrappers) as Middleware;
    if (known === undefined || takesOver === undefined || !isSame(known.entry, entry, takesOver.option)) {
      built.set(entry.id, { entry, policy });
      return policy;
    }
    changes.push(() => {
      takesOver.from(known.policy, evaluate(expression.args, wrappers) as readonly unknown[]);
      built.set(entry.id, { entry, policy: known.policy });
    });
    return known.policy;
  };

  return {
    build(stack) {
      const layers: BuiltLayer[] = [];
      const changes: (() => void)[] = [];
      const problems: Problem[] = crowded(stack);
      for (const entry of stack.filter(({ on }) => on)) {
        try {
          layers.push({ entry: entry.id, policy: make(entry, changes) });
        } catch (error) {
          problems.push(problemOf(entry, error, origin));
        }
      }
      // With a problem, the previous stack remains in use as it is.
      if (problems.length === 0) for (const change of changes) change();
      return { layers, problems };
    },
    async close() {
      await Promise.all(storages.map((storage) => storage.close()));
    },
  };
}

/** Whether two layers have the same policy and options, besides those that do not count. */
function isSame(a: PolicyEntry, b: PolicyEntry, isLeftOut: (option: string) => boolean = () => false): boolean {
  const textOf = ({ policy, options }: PolicyEntry): string =>
    JSON.stringify([policy, Object.entries(options).filter(([name]) => !isLeftOut(name))]);
  return textOf(a) === textOf(b);
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
