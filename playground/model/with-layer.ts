/** Adds a policy to a stack, at its usual place. */
import { catalogue, policyOf } from './catalogue.ts';
import type { PolicyName, Stack } from './types.ts';

/** Enables the layer if the stack has it, else inserts it before the first layer that usually follows it. */
export function withLayer(stack: Stack, name: PolicyName): Stack {
  if (stack.some(({ policy }) => policy === name)) {
    return stack.map((entry) => (entry.policy === name ? { ...entry, on: true } : entry));
  }
  const placeOf = (policy: PolicyName): number => catalogue.findIndex((each) => each.name === policy);
  const later = stack.findIndex(({ policy }) => placeOf(policy) > placeOf(name));
  const entry = { id: name, policy: name, on: true, options: policyOf(name).initial };
  return stack.toSpliced(later < 0 ? stack.length : later, 0, entry);
}
