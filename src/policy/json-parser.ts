/** Reads JSON, and remembers the line of each member. */
import { deepest, memberPath, PolicyError, type PolicyProblem } from './policy-error.ts';

export interface JsonText {
  readonly value: unknown;
  /** The line of a path; of its nearest parent if it is not in the text. */
  lineOf(path: string): number;
}

/** A document of this length has thousands of routes. A longer one is most often another file. */
const maxLength = 1_000_000;

/**
 * `JSON.parse` keeps the last of two members with the same name, takes `__proto__`, and not every platform says where a text
 * is wrong. No message shows a part of the text, which may have a secret.
 *
 * @throws {PolicyError}
 */
export function parseJsonText(text: string): JsonText {
  const refuse = (message: string): never => {
    throw new PolicyError([{ path: '', message, line: 1 }]);
  };
  if (typeof text !== 'string') refuse('is no text: a source passes the JSON as a string');
  if (text.length > maxLength) refuse(`has ${text.length} characters, at most ${maxLength} are read`);
  if (text.trim() === '') refuse('is empty: write { "use": ["standard"] }, or remove it');
  if (text.startsWith('\uFEFF')) refuse('begins with a byte order mark: save it as UTF-8 without BOM');
  const reader = new JsonReader(text);
  const value = reader.document();
  const { lines, problems } = reader;
  if (problems.length > 0) throw new PolicyError(problems);
  return { value, lineOf: (path) => lineOf(lines, path) };
}

function lineOf(lines: ReadonlyMap<string, number>, path: string): number {
  for (let end = path.length; end > 0; end -= 1) {
    const line = lines.get(path.slice(0, end));
    if (line !== undefined) return line;
  }
  return 1;
}

/** White space, and then a sign, a text, a number or a word (RFC 8259). */
const token =
  /([ \t\r\n]*)([{}[\],:]|"(?:[ !#-[\]-\uFFFF]|\\(?:["\\/bfnrt]|u[\da-fA-F]{4}))*"|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?(?![\w.+-])|(?:true|false|null)(?!\w))/y;

class JsonReader {
  readonly lines = new Map<string, number>();
  readonly problems: PolicyProblem[] = [];
  readonly #text: string;
  #at = 0;
  #line = 1;

  constructor(text: string) {
    this.#text = text;
  }

  document(): unknown {
    const value = this.#value(this.#next(''), '', 0);
    if (this.#text.slice(this.#at).trim() !== '') this.#fail('', 'something follows after its end');
    return value;
  }

  #value(sign: string, path: string, depth: number): unknown {
    if (depth > deepest) this.#fail(path, `it is nested more than ${deepest} levels deep`);
    if (sign === '{') return this.#object(path, depth);
    if (sign === '[') return this.#list(path, depth);
    if ('}],:'.includes(sign)) this.#fail(path, `a value is missing before ${sign}`);
    const value: unknown = JSON.parse(sign);
    if (value === Infinity || value === -Infinity)
      this.#fail(path, 'a number is beyond 1e308: write "Infinity" in quotes for no limit');
    return value;
  }

  #object(path: string, depth: number): unknown {
    const members = new Map<string, unknown>();
    for (let sign = this.#next(path); sign !== '}'; sign = this.#next(path)) {
      if (!sign.startsWith('"')) this.#fail(path, 'a name in double quotes is missing here');
      const name = JSON.parse(sign) as string;
      const at = memberPath(path, name);
      const line = this.#line;
      if (members.has(name))
        this.problems.push({
          path: at,
          line,
          message: `is there twice, first on line ${this.lines.get(at)}: remove one`,
        });
      if (name === '__proto__') this.problems.push({ path: at, line, message: 'is no name that a member may have' });
      this.lines.set(at, line);
      if (this.#next(at) !== ':') this.#fail(at, 'a colon is missing after the name');
      members.set(name, this.#value(this.#next(at), at, depth + 1));
      if (this.#isLast('}', path)) break;
    }
    return Object.fromEntries(members);
  }

  #list(path: string, depth: number): unknown {
    const values: unknown[] = [];
    for (let sign = this.#next(path); sign !== ']'; sign = this.#next(path)) {
      const at = memberPath(path, values.length);
      this.lines.set(at, this.#line);
      values.push(this.#value(sign, at, depth + 1));
      if (this.#isLast(']', path)) break;
    }
    return values;
  }

  /** What follows a member: a comma and a further one, or the end. */
  #isLast(end: '}' | ']', path: string): boolean {
    const sign = this.#next(path);
    if (sign === end) return true;
    if (sign !== ',') this.#fail(path, `a comma or ${end} is missing before this`);
    const [at, line] = [this.#at, this.#line];
    if (this.#next(path) === end) this.#fail(path, `a comma is there before ${end}: remove it`);
    [this.#at, this.#line] = [at, line];
    return false;
  }

  #next(path: string): string {
    token.lastIndex = this.#at;
    const [whole, space, sign] = token.exec(this.#text) ?? [];
    if (whole === undefined) return this.#failAt(path);
    this.#at += whole.length;
    this.#line += linesIn(space!);
    return sign!;
  }

  #failAt(path: string): never {
    const rest = this.#text.slice(this.#at).trimStart();
    this.#line += linesIn(this.#text.slice(this.#at, this.#text.length - rest.length));
    return this.#fail(path, faultOf(rest));
  }

  #fail(path: string, message: string): never {
    throw new PolicyError([{ path, line: this.#line, message: `is no JSON: ${message}` }]);
  }
}

function faultOf(rest: string): string {
  if (rest === '') return 'the text ends too early, a } or ] is missing';
  if (/^(\/\/|\/\*|#)/.test(rest)) return 'it has no comments: remove this one';
  if (/^-?(NaN|Infinity)/.test(rest)) return 'it has no such number: write "Infinity" in quotes for no limit';
  if (rest.startsWith('"')) return 'a text is not closed on its line, or has a \\ that means nothing';
  if (/^['`]/.test(rest)) return 'texts have double quotes';
  if (/^[\d.+-]/.test(rest)) return 'a number is not written as 200, 0.5 or 1e3';
  if (/^\w/.test(rest)) return 'names and texts need double quotes';
  return 'a character is here that it does not have';
}

function linesIn(space: string): number {
  return space.split('\n').length - 1;
}
