/** What is wrong with a document, and where. */
import { KyoaError } from '../core/errors.ts';

/**
 * One thing that is wrong with a document.
 *
 * @see https://github.com/kyoa/kyoa/blob/main/docs/policy-documents.md#a-document-that-is-wrong
 */
export interface PolicyProblem {
  /** The member, such as `use[1].retry.retries`. Empty: the document itself. */
  readonly path: string;
  /** The line of the text, from 1; absent if the document was no text. */
  readonly line?: number;
  /** What is wrong, and what would be right. */
  readonly message: string;
}

/**
 * A policy document was refused. Nothing of it is in force: the stack before it stays. `problems` has all that is wrong.
 *
 * @example
 * ```ts
 * import { policy, PolicyError } from 'kyoa/policy';
 *
 * const live = policy({ use: [{ retry: { retries: 2 } }] });
 * try {
 *   live.update({ use: [{ retry: { retries: -1 } }] });
 * } catch (error) {
 *   if (error instanceof PolicyError) for (const { path, message } of error.problems) console.warn(path, message);
 * }
 * ```
 * @see https://github.com/kyoa/kyoa/blob/main/docs/policy-documents.md#a-document-that-is-wrong
 */
export class PolicyError extends KyoaError {
  override name = 'PolicyError';
  readonly problems: readonly PolicyProblem[];

  constructor(problems: readonly PolicyProblem[], source?: string) {
    const where = source === undefined ? 'The policy document' : `The document of ${source}`;
    super('INVALID_OPTION', `${where} is refused. ${problems.map(sentenceOf).join('; ')}`);
    this.problems = problems;
  }
}

/** How many objects and lists may be inside each other. A document needs ten. */
export const deepest = 50;

/** A problem, and the place of its document among those that lie over each other. */
export interface SourcedProblem extends PolicyProblem {
  readonly source: number;
}

/** `line 3, use[1].retry.retries must be a whole number of 0 or more, got -1`. */
export function sentenceOf({ path, line, message }: PolicyProblem): string {
  return `${line === undefined ? '' : `line ${line}, `}${path === '' ? 'it' : path} ${message}`;
}

/** The path of a member: `routes["GET /users"]`, `use[0]`, `retry.retries`. */
export function memberPath(path: string, member: string | number): string {
  if (typeof member === 'number') return `${path}[${member}]`;
  if (!/^[A-Za-z_$][\w$]*$/.test(member)) return `${path}[${JSON.stringify(member)}]`;
  return path === '' ? member : `${path}.${member}`;
}

/** The name that was most likely meant, or `undefined`. */
export function nearestName(name: string, names: Iterable<string>): string | undefined {
  let nearest: string | undefined;
  let least = Math.max(2, Math.ceil(name.length / 3)) + 1;
  for (const candidate of names) {
    const [given, other] = [name.toLowerCase(), candidate.toLowerCase()];
    // A name that begins alike is nearer: `retries` is meant as `retry`, and not as `metrics`.
    const distance = editDistance(given, other) - (given.slice(0, 3) === other.slice(0, 3) ? 1.5 : 0);
    if (distance < least) [nearest, least] = [candidate, distance];
  }
  return nearest;
}

/** How many letters must be added, removed or replaced (Levenshtein). */
function editDistance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (let index = 0; index < from.length; index += 1) {
    const next = [index + 1];
    for (let at = 0; at < to.length; at += 1)
      next.push(Math.min(next[at]! + 1, row[at + 1]! + 1, row[at]! + Number(from[index] !== to[at])));
    row = next;
  }
  return row[to.length]!;
}

/** What to say of a name that does not exist. */
export function unknownName(what: string, name: string, names: readonly string[]): string {
  const nearest = nearestName(name, names);
  const all = names.length === 0 ? 'there is none' : `there are ${names.join(', ')}`;
  const meant = nearest === undefined ? all : `do you mean ${nearest}?`;
  return `is no ${what}: ${meant}`;
}
