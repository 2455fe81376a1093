/** Adds a policy to a stack, at its usual place. */
import { catalogue, policyOf } from './catalogue.ts';
import type { PolicyName, Stack } from './types.ts';

/** Enables the layer if the stack has it, else adds it. */
export function withLayer(stack: Stack, name: PolicyName): Stack {
  if (!stack.some(({ policy }) => policy === name)) return addLayer(stack, name);
  return stack.map((entry) => (entry.policy === name ? { ...entry, on: true } : entry));
}

/** Inserts a layer before the first one that usually follows it. */
export function addLayer(stack: Stack, name: PolicyName): Stack {
  const { initial, second } = policyOf(name);
  const isSecond = second !== undefined && stack.some(({ policy }) => policy === name);
  const inner = isSecond ? second.outside : namesAfter(name);
  const at = stack.findIndex(({ policy }) => inner.includes(policy));
  const entry = { id: freeId(stack, name), policy: name, on: true, options: isSecond ? second.initial : initial };
  return stack.toSpliced(at < 0 ? stack.length : at, 0, entry);
}

function namesAfter(name: PolicyName): readonly PolicyName[] {
  const names = catalogue.map((policy) => policy.name);
  return names.slice(names.indexOf(name) + 1);
}

function freeId(stack: Stack, name: PolicyName): string {
  const ids = [name, ...stack.map((_, i) => `${name}-${i + 2}`)];
  return ids.find((id) => !stack.some((entry) => entry.id === id)) ?? name;
}
