/** The public names of `kyoa/policy`. */
export { policy } from './policy/policy.ts';
export { checkPolicy } from './policy/check.ts';
export type { PolicyCheck } from './policy/check.ts';
export { toPolicy } from './policy/to-policy.ts';
export { fromServiceConfig } from './policy/grpc-service-config.ts';
export type { LivePolicy, PolicyEvent, PolicyOptions, PolicySnapshot, SourceSnapshot } from './policy/live-policy.ts';
export type {
  EnvReference,
  PolicyDocument,
  PolicyEntry,
  PolicyLayer,
  RouteOptions,
  Written,
  WrittenPolicies,
} from './policy/document.ts';
export type { PolicySink, PolicySource } from './policy/source.ts';
export { PolicyError } from './policy/policy-error.ts';
export type { PolicyProblem } from './policy/policy-error.ts';
export { schemas } from './policy/schemas.ts';
export type { OptionKind, OptionSchema, PolicySchema, SchemaName } from './policy/schemas.ts';
