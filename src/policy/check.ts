/** `checkPolicy()`: what a document says, what is wrong with it, and what its author may not have meant. */
import { compile } from './compile.ts';
import { descriptionOf } from './description.ts';
import type { PolicyDocument } from './document.ts';
import { partsOf } from './document-reader.ts';
import { isJsonObject } from './options-as-json.ts';
import { changedStack, policiesOf, type Parts } from './parsed-document.ts';
import { plainJson } from './plain-json.ts';
import { parseJsonText, type JsonText } from './json-parser.ts';
import type { PolicyOptions } from './live-policy.ts';
import { mistakesIn } from './mistakes.ts';
import { checkedMiddleware } from './settings.ts';
import { PolicyError, type PolicyProblem, type SourcedProblem } from './policy-error.ts';

/**
 * What `checkPolicy()` found.
 *
 * @see https://github.com/kyoa/kyoa/blob/main/docs/policy-documents.md#checking-a-document
 */
export interface PolicyCheck {
  /** What makes `policy()` refuse the document, by line. */
  readonly problems: readonly PolicyProblem[];
  /** What is permitted, and most likely not meant, by line. */
  readonly mistakes: readonly PolicyProblem[];
  /** The stack and the routes in plain words, a sentence each, outermost first. */
  readonly description: readonly { readonly path: string; readonly line?: number; readonly sentence: string }[];
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
  const { environment, env = anyValue } = options;
  const middleware = checkedMiddleware(options.middleware ?? {});
  let json: JsonText | undefined;
  const withLine = <T extends { readonly path: string; readonly line?: number }>(found: T): T => ({
    ...found,
    ...(json && found.line === undefined && { line: json.lineOf(found.path) }),
  });
  try {
    if (typeof document === 'string') json = parseJsonText(document);
    const value = json ? json.value : objectAsJson(document);
    const names = Object.keys(middleware);
    const read = (environment: string | undefined): Parts => {
      const parts = partsOf(value, 0, { middleware: names, environment });
      const use = parts.use ?? partsOf({ use: ['standard'] }, 0, { middleware: [], environment }).use ?? [];
      return { ...parts, use: changedStack(use, parts.changes) };
    };
    const problems = new Map(
      [environment, ...environmentsOf(value)]
        .flatMap((name) => problemsOf(() => compile(read(name), undefined, { middleware, readEnv: env })))
        .map((problem) => [`${problem.path} ${problem.message}`, problem]),
    );
    const { use, routes } = read(environment);
    const stack = policiesOf(use);
    return {
      problems: byLine(
        [...problems.values()].map(({ source: _, ...problem }: PolicyProblem & Partial<SourcedProblem>) =>
          withLine(problem),
        ),
      ),
      mistakes:
        problems.size > 0 ? [] : byLine([...absentLayer(value, environment), ...mistakesIn(stack)].map(withLine)),
      description: problems.size > 0 ? [] : descriptionOf(stack, routes).map(withLine),
    };
  } catch (error) {
    if (!(error instanceof PolicyError)) throw error;
    return { problems: error.problems, mistakes: [], description: [] };
  }
}

/** In the order of the text. An object has no lines. */
function byLine(problems: PolicyProblem[]): readonly PolicyProblem[] {
  return problems.sort((a, b) => (a.line ?? 0) - (b.line ?? 0));
}

/** In place of the value of a variable: a URL, which differs from those of the others. */
function anyValue(name: string): string {
  return `https://${name.toLowerCase().replace(/[^a-z\d]+/g, '-')}.example`;
}

function objectAsJson(document: unknown): unknown {
  const problems: PolicyProblem[] = [];
  const value = plainJson(document, (path, message) => problems.push({ path, message }));
  if (problems.length > 0) throw new PolicyError(problems);
  return value;
}

/** The layers of all environments are checked, and not only of the present one. */
function environmentsOf(document: unknown): string[] {
  const { environments } = Object(document) as PolicyDocument;
  return isJsonObject(environments) ? Object.keys(environments) : [];
}

/** A name that is written wrong would leave every layer out. */
function absentLayer(document: unknown, environment: string | undefined): readonly PolicyProblem[] {
  const names = environmentsOf(document);
  if (environment === undefined || names.length === 0 || names.includes(environment)) return [];
  const message = `has no layer for ${JSON.stringify(environment)}, the environment in force; it has ${names.join(', ')}`;
  return [{ path: 'environments', message }];
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
