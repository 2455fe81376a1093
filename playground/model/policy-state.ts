/** The state of the policies that are in use, which the panes show. */
import type { EndpointsPolicy, Limiter } from 'kyoa';
import type { BuiltLayer } from './stack.ts';
import type { PolicyState } from './types.ts';

export function stateOf(layers: readonly BuiltLayer[]): PolicyState {
  const policyOf = (name: string): unknown => layers.find(({ policy }) => policy.name === name)?.policy;
  const limit = policyOf('limit') as Limiter | undefined;
  const endpoints = policyOf('endpoints') as EndpointsPolicy | undefined;
  return { limit: Object.values(limit?.snapshot() ?? {})[0], endpoints: endpoints?.snapshot() ?? [] };
}
