/**
 * Finds what a module must not have at its top level, because it would belong to one request and be used by another one:
 * a promise, a timer, a stream, a Request, a Response, a signal, and each place where one could be kept.
 */
import { transformSync } from 'oxc-transform';
import { parseAst } from 'rollup/parseAst';

interface Node {
  readonly type: string;
  readonly [member: string]: unknown;
}

const ofRequests =
  /^(Promise|AbortController|AbortSignal|Request|Response|\w*Stream|WebSocket|EventSource|setTimeout|setInterval|fetch|after|afterUnref|sleep)$/;

/** One sentence for each finding. Functions and methods are not searched: what they make belongs to their caller. */
export function moduleLevelFindings(file: string, code: string): readonly string[] {
  const { code: js, errors } = transformSync(file, code);
  if (errors.length > 0) throw new Error(`${file}: ${errors[0]!.message}`);
  const findings: string[] = [];
  search(parseAst(js) as unknown as Node, findings);
  return findings;
}

function search(node: Node, findings: string[]): void {
  const { type } = node;
  if (/Function|^MethodDefinition$/.test(type)) return;
  if (type === 'PropertyDefinition' && node['static'] !== true) return;
  if (type === 'VariableDeclaration' && node['kind'] !== 'const') {
    for (const { id, init } of node['declarations'] as { id: { name: string }; init: Node | null }[]) {
      if (!isPlainData(init)) findings.push(`${id.name} may be assigned again, and does not begin as plain data`);
    }
  }
  if (type === 'VariableDeclarator' && isEmptyCollection(node['init'] as Node | null)) {
    findings.push(`${(node['id'] as { name: string }).name} is a collection that grows`);
  }
  if (type === 'AwaitExpression') findings.push('The module awaits something');
  if (type === 'NewExpression' || type === 'CallExpression') {
    const name = rootName(node['callee'] as Node);
    if (ofRequests.test(name)) findings.push(`${name} makes something that belongs to a request`);
  }
  for (const member of Object.values(node)) {
    for (const child of Array.isArray(member) ? member : [member]) if (isNode(child)) search(child, findings);
  }
}

/** Numbers, text and objects of them. */
function isPlainData(node: Node | null): boolean {
  switch (node?.type) {
    case 'Literal':
      return true;
    case 'Identifier':
      return node['name'] === 'NaN' || node['name'] === 'Infinity';
    case 'UnaryExpression':
      return isPlainData(node['argument'] as Node);
    case 'BinaryExpression':
      return isPlainData(node['left'] as Node) && isPlainData(node['right'] as Node);
    case 'ObjectExpression':
      return (node['properties'] as Node[]).every((property) => isPlainData(property['value'] as Node));
    default:
      return false;
  }
}

/** A weak collection is none of these: an entry of it lives no longer than its key. */
function isEmptyCollection(node: Node | null): boolean {
  if (node?.type === 'ArrayExpression') return (node['elements'] as unknown[]).length === 0;
  if (node?.type === 'ObjectExpression') return (node['properties'] as unknown[]).length === 0;
  if (node?.type !== 'NewExpression') return false;
  const { name } = node['callee'] as { name?: string };
  return (name === 'Map' || name === 'Set') && (node['arguments'] as unknown[]).length === 0;
}

/** `Promise` of `Promise.resolve`. */
function rootName(node: Node): string {
  return node.type === 'MemberExpression' ? rootName(node['object'] as Node) : String(node['name']);
}

function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && typeof (value as Partial<Node>).type === 'string';
}
