/** The headers of a response: as undici parses them, and as fetch exposes them. */

/** Names in lower case. A header that was sent several times has an array. */
export type RawHeaders = Readonly<Record<string, string | string[] | undefined>>;

/** The headers of a fetched Response are immutable (Fetch Standard, header guards). */
export class ImmutableHeaders extends Headers {
  constructor(raw: RawHeaders) {
    super();
    for (const name in raw) {
      if (name.startsWith(':')) continue; // a pseudo-header of HTTP/2
      const value = raw[name]!;
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

/** As `Headers.get`, without making a Headers: all values of a repeated header, joined. */
export function headerValue(raw: RawHeaders, name: string): string | undefined {
  const value = raw[name];
  return typeof value === 'object' ? value.join(', ') : value;
}
