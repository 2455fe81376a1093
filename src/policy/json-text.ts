/** Reads JSON, and remembers the line of each member. */
import { memberPath, PolicyError, type PolicyProblem } from './problem.ts';

export interface JsonText {
  readonly value: unknown;
  /** The line of a path; of its nearest parent if it is not in the text. */
  lineOf(path: string): number;
}

/** A document of this length has thousands of routes. A longer one is most often another file. */
const maxLength = 1_000_000;

/**
 * `JSON.parse` keeps the last of two members with the same name, and takes `__proto__`. Both are refused here.
 *
 * @throws {PolicyError}
 */
export function parseJsonText(text: string, source?: string): JsonText {
  const refuse = (message: string, line?: number, path = ''): never => {
    throw new PolicyError([{ path, message, ...(line !== undefined && { line }) }], source);
  };
  if (text.trim() === '') refuse('is empty');
  if (text.length > maxLength) refuse(`has ${text.length} characters, at most ${maxLength} are read`);
  if (text.startsWith('\uFEFF')) refuse('begins with a byte order mark: save it as UTF-8 without BOM', 1);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    const { message } = error as Error;
    const position = /position (\d+)/.exec(message)?.[1];
    const line = /line (\d+)/.exec(message)?.[1] ?? (position && String(lineAt(text, Number(position))));
    // The rest of the message shows a part of the text, which may have a secret.
    const what = /^(Unexpected end|Unterminated|Expected|Bad|Duplicate|Unexpected non-whitespace)/.test(message)
      ? message.replace(/(,? "| in JSON| at position| \(line|\.\.\.).*/s, '')
      : 'a character that JSON does not have here';
    refuse(`is no JSON: ${what}`, line === undefined ? lineAt(text, text.length) : Number(line));
  }
  const { lines, problems } = readLines(text);
  if (problems.length > 0) throw new PolicyError(problems, source);
  return { value, lineOf: (path) => lineOf(lines, path) };
}

function lineAt(text: string, position: number): number {
  return text.slice(0, position).split('\n').length;
}

function lineOf(lines: ReadonlyMap<string, number>, path: string): number {
  for (let at = path; at !== ''; at = at.replace(/(\.[^.[\]]+|\[[^[\]]*\]|^[^.[\]]+)$/, '')) {
    const line = lines.get(at);
    if (line !== undefined) return line;
  }
  return 1;
}

interface Level {
  readonly path: string;
  /** The next place of a list, or `undefined` in an object. */
  index: number | undefined;
  readonly names: Set<string>;
}

/** Walks a text that is known to be JSON. */
function readLines(text: string): { lines: Map<string, number>; problems: PolicyProblem[] } {
  const lines = new Map<string, number>();
  const problems: PolicyProblem[] = [];
  const levels: Level[] = [];
  let line = 1;
  let path = '';
  for (const [token] of text.matchAll(/"(?:[^"\\]|\\.)*"\s*:|"(?:[^"\\]|\\.)*"|[{}[\],]|\n|[^\s"{}[\],]+/g)) {
    const level = levels.at(-1);
    if (token === '\n') line += 1;
    else if (token === '}' || token === ']') levels.pop();
    else if (token.endsWith(':')) {
      const name = JSON.parse(token.slice(0, -1)) as string;
      path = memberPath(level!.path, name);
      if (level!.names.has(name)) problems.push({ path, line, message: 'is there twice: remove one' });
      if (name === '__proto__') problems.push({ path, line, message: 'is no name of a member' });
      level!.names.add(name);
      lines.set(path, line);
      line += token.split('\n').length - 1;
    } else if (token !== ',') {
      if (level?.index !== undefined) {
        path = memberPath(level.path, level.index);
        level.index += 1;
        lines.set(path, line);
      }
      if (token === '{' || token === '[') levels.push({ path, index: token === '[' ? 0 : undefined, names: new Set() });
    }
  }
  return { lines, problems };
}
