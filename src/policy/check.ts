/** `checkPolicy()`: what a document says, what is wrong with it, and what its author may not have meant. */
import { compile } from './compile.ts';
import { descriptionOf } from './description.ts';
import type { PolicyDocument } from './document.ts';
import { partsOf } from './document-reader.ts';
import { policiesOf } from './parts.ts';
import { plainJson } from './plain-json.ts';
import { parseJsonText, type JsonText } from './json-text.ts';
import type { PolicyOptions } from './live-policy.ts';
import { mistakesIn } from './mistakes.ts';
import { checkedMiddleware } from './settings.ts';
import { PolicyError, type PolicyProblem, type SourcedProblem } from './problem.ts';

/**
 * What `checkPolicy()` found.
 *
 * @see https://github.com/kyoa/kyoa/blob/main/docs/policy-documents.md#checking-a-document
 */
export interface PolicyCheck {
  /** What makes `policy()` refuse the document. */
  readonly problems: readonly PolicyProblem[];
  /** What is permitted, and most likely not meant. */
  readonly mistakes: readonly PolicyProblem[];
  /** The stack and the routes in plain words, a sentence each, outermost first. */
  readonly description: readonly { readonly path: string; readonly sentence: string }[];
}

/**
 * Checks a document without running it: a text in JSON, or an object. A reference to a variable of the environment is right
 * if the variable is set, or if there is no `env` to look it up in.
 *
 * @example
 * ```ts
 * import { checkPolicy } from 'kyoa/policy';
 *
 * const { problems, mistakes } = checkPolicy('{ "use": [{ "retry": { "retries": 5, "budget": false } }] }');
 * for (const { line, path, message } of [...problems, ...mistakes]) console.log(`${line}: ${path} ${message}`);
 * ```
 * @see https://github.com/kyoa/kyoa/blob/main/docs/policy-documents.md#checking-a-document
 */
export function checkPolicy(
  document: string | PolicyDocument,
  options: Pick<PolicyOptions, 'middleware' | 'environment' | 'env'> = {},
): PolicyCheck {
  const { environment, env = () => 'https://set.example' } = options;
  const middleware = checkedMiddleware(options.middleware ?? {});
  let json: JsonText | undefined;
  const withLine = ({ source: _, ...problem }: PolicyProblem & Partial<SourcedProblem>): PolicyProblem => ({
    ...problem,
    ...(json && problem.line === undefined && { line: json.lineOf(problem.path) }),
  });
  try {
    if (typeof document === 'string') json = parseJsonText(document);
    const notJson: PolicyProblem[] = [];
    const value = json ? json.value : plainJson(document, (path, message) => notJson.push({ path, message }));
    if (notJson.length > 0) throw new PolicyError(notJson);
    const parts = partsOf(value, 0, { middleware: Object.keys(middleware), environment });
    const use = parts.use ?? partsOf({ use: ['standard'] }, 0, { middleware: [], environment }).use!;
    const stack = policiesOf(use);
    const problems = problemsOf(() => compile({ ...parts, use }, undefined, { middleware, readEnv: env }));
    return {
      problems: problems.map(withLine),
      mistakes: problems.length > 0 ? [] : mistakesIn(stack).map(withLine),
      description: problems.length > 0 ? [] : descriptionOf(stack, parts.routes),
    };
  } catch (error) {
    if (!(error instanceof PolicyError)) throw error;
    return { problems: error.problems, mistakes: [], description: [] };
  }
}

function problemsOf(run: () => unknown): readonly PolicyProblem[] {
  try {
    run();
    return [];
  } catch (error) {
    if (error instanceof PolicyError) return error.problems;
    throw error;
  }
}
