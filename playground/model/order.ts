/** Finds layers that are placed where their policies do not work as their names promise. */
import { policyOf } from './catalogue.ts';
import type { PolicyName, Stack } from './types.ts';

export interface Hint {
  /** The id of the layer. */
  readonly entry: string;
  readonly message: string;
  /** The stack with the layer in its place. */
  readonly mended: Stack;
}

/** One hint for each misplaced layer that is on. */
export function hintsOf(stack: Stack): readonly Hint[] {
  const hints: Hint[] = [];
  const reported = new Set<string>();
  for (const entry of stack.filter(({ on }) => on)) {
    const { place, inside = [], outside = [] } = policyOf(entry.policy);
    const at = stack.indexOf(entry);
    const [before, after] = [positions(stack, outside), positions(stack, inside)];
    const outer = before.find((position) => position < at);
    const inner = after.findLast((position) => position > at);
    const found = outer ?? inner;
    if (found === undefined) continue;
    const other = stack[found]!.policy;
    if (reported.has(pair(entry.policy, other))) continue; // the other policy has a hint on the same two
    reported.add(pair(entry.policy, other));
    const message = `${entry.policy} is ${outer === undefined ? 'outside' : 'inside'} ${other}. ${place}`;
    const others = stack.toSpliced(at, 1);
    hints.push({ entry: entry.id, message, mended: others.toSpliced(found, 0, entry) });
  }
  return hints;
}

function positions(stack: Stack, policies: readonly PolicyName[]): number[] {
  return stack.flatMap(({ on, policy }, i) => (on && policies.includes(policy) ? [i] : []));
}

function pair(one: PolicyName, other: PolicyName): string {
  return [one, other].toSorted().join();
}
