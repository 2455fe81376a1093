/** The headers of an answer: nobody may change them, as with fetch's own. */

export type IncomingHeaders = Readonly<Record<string, string | string[] | undefined>>;

export class ReadOnlyHeaders extends Headers {
  constructor(incoming: IncomingHeaders) {
    super();
    for (const name in incoming) {
      if (name.startsWith(':')) continue; // what HTTP/2 has in place of a status line
      const value = incoming[name]!;
      if (typeof value === 'string') super.append(name, value);
      else for (const each of value) super.append(name, each);
    }
  }

  override append(): void {
    throw new TypeError('Headers.append: immutable');
  }
  override delete(): void {
    throw new TypeError('Headers.delete: immutable');
  }
  override set(): void {
    throw new TypeError('Headers.set: immutable');
  }
}

/** Of a header that was sent several times, all values, as `Headers` has them. */
export function valueOf(incoming: IncomingHeaders, name: string): string | undefined {
  const value = incoming[name];
  return typeof value === 'object' ? value.join(', ') : value;
}
