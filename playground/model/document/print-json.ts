/** Prints JSON for readers: what fits on a line is on one line. A member of a document has a line of its own. */

/** Characters. */
export const usualWidth = 76;

export function printJson(value: unknown, width: number = usualWidth): string {
  return print(value, 0, width);
}

function print(value: unknown, indent: number, width: number): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const [open, close] = Array.isArray(value) ? ['[', ']'] : ['{ ', ' }'];
  const parts = Object.entries(value).map(([name, member]) => {
    const label = Array.isArray(value) ? '' : `${JSON.stringify(name)}: `;
    return (at: number): string => label + print(member, at, width);
  });
  if (parts.length === 0) return Array.isArray(value) ? '[]' : '{}';
  const flat = open + parts.map((part) => part(indent)).join(', ') + close;
  // The document and its list of policies, by their indents.
  const isDocument = indent === 0 || (indent === 2 && Array.isArray(value));
  if (!isDocument && !flat.includes('\n') && indent + flat.length <= width) return flat;
  const margin = ' '.repeat(indent + 2);
  const lines = parts.map((part) => margin + part(indent + 2));
  return `${open.trim()}\n${lines.join(',\n')}\n${' '.repeat(indent)}${close.trim()}`;
}
