/** `toPolicy()`: a stack as a document. */
import { isPolicyName, markOf } from '../core/options.ts';
import type { Middleware } from '../core/context.ts';
import type { EndpointsPolicy } from '../middleware/endpoints/endpoints.ts';
import { catalogue } from './catalogue.ts';
import type { PolicyDocument, PolicyEntry } from './document.ts';
import { plainJson } from './plain-json.ts';
import { memberPath, PolicyError, type PolicyProblem } from './policy-error.ts';

/**
 * Writes a stack as a document, which `policy()` makes the same stack of. Options that functions of kyoa made, such as
 * `exponential(200, 10_000)`, are written as that call. A middleware of the program is written by its name.
 *
 * @throws {PolicyError} for an option that no document can hold, such as a `when` of the program or a storage
 * @example
 * ```ts
 * import { hedge, standard } from 'kyoa';
 * import { toPolicy } from 'kyoa/policy';
 *
 * const document = toPolicy([...standard({ retry: { retries: 2 } }), hedge()]);
 * console.log(JSON.stringify(document, null, 2));
 * ```
 * @see https://github.com/kyoa/kyoa/blob/main/docs/policy-documents.md#from-code-to-a-document
 */
export function toPolicy(stack: readonly Middleware[]): PolicyDocument {
  const problems: PolicyProblem[] = [];
  const use = stack.map((middleware, index) => entryOf(middleware, memberPath('use', index), problems));
  if (problems.length > 0) throw new PolicyError(problems, 'the stack');
  return { use };
}

function entryOf(middleware: Middleware, path: string, problems: PolicyProblem[]): PolicyEntry {
  const { name } = middleware;
  const given = markOf(middleware)?.given;
  if (given === undefined || catalogue[name] === undefined) {
    if (name === '') problems.push({ path, message: 'is a middleware without a name: name its function' });
    else if (given !== undefined && isPolicyName(name))
      problems.push({ path: memberPath(path, name), message: 'takes a function, which no document can hold' });
    return name;
  }
  const all = name === 'endpoints' ? { list: listOf(middleware as EndpointsPolicy), ...Object(given) } : given;
  const refuse = (path: string, message: string): void => void problems.push({ path, message });
  return { [name]: plainJson(all, refuse, memberPath(path, name)) };
}

/** The list that is in force, which may not be the first one. */
function listOf(policy: EndpointsPolicy): unknown {
  return policy.snapshot().map(({ url, weight, zone }) => ({ url, weight, zone }));
}
