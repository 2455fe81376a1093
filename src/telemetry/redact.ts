/** Removes secrets from text that leaves the process: log lines, attributes of spans. */

export interface Redactor {
  /** Removes credentials, the fragment, and the values of parameters whose names are those of secrets. */
  readonly url: (url: string) => string;
  /** Does the same in every URL of the text, and removes the values of headers and name-value pairs with such names. */
  readonly text: (text: string) => string;
}

/** OpenTelemetry's conventions put this word in place of a secret. */
const redacted = 'REDACTED';

/** A name with one of these words is secret. Case and punctuation do not count: `X-Api-Key`, `api_key`, `apiKey`. */
const secretWords =
  /token|secret|passw|passphrase|pwd|signature|credential|session|sessid|jwt|bearer|authorization|cookie|key(id)?$/;
/** Names that are secret as a whole: many other words contain them. */
const secretNames = ['auth', 'pass', 'sig', 'sid', 'hmac', 'otp'];
/** OAuth has secrets in parameters with these names. Elsewhere they are ordinary words. */
const secretParameters = ['code', 'pin'];

/** Characters of a text that are kept. Four times as many are searched, so that the end of a text cuts no secret in two. */
const maxTextLength = 1_000;

/** Names of parameters recur, and to classify one takes a microsecond. */
const maxCachedNames = 1_000;

/** `names`: further parameters and fields whose values are secrets. */
export function redactor(names: readonly string[] = []): Redactor {
  const exact = new Set([...secretNames, ...names].map(normalize));
  const parameters = new Set([...exact, ...secretParameters]);
  const isSecret = (name: string, exactly: ReadonlySet<string>): boolean => {
    const word = normalize(name);
    return secretWords.test(word) || exactly.has(word);
  };

  // An ordinary URL needs no regular expression and no array here: every log line has one.
  const url = (url: string): string => {
    if (url.slice(0, 5).toLowerCase() === 'data:') return `data:${redacted}`;
    const [whole, query] = splitAt(splitAt(url, '#')[0], '?');
    const address = whole.includes('@')
      ? whole.replace(/^([a-z][a-z\d+.-]*:)?\/\/[^/\\]*@/i, `$1//${redacted}:${redacted}@`)
      : whole;
    return query === undefined ? address : `${address}?${parametersOf(query)}`;
  };

  const parametersOf = (query: string): string => {
    let redactedQuery = '';
    let from = 0;
    for (let and = query.indexOf('&'); and >= 0; and = query.indexOf('&', from)) {
      redactedQuery += `${parameter(query.slice(from, and))}&`;
      from = and + 1;
    }
    return redactedQuery + parameter(query.slice(from));
  };

  const cache = new Map<string, boolean>();
  const isSecretParameter = (name: string): boolean => {
    let secret = cache.get(name);
    if (secret === undefined) {
      if (cache.size >= maxCachedNames) cache.clear();
      cache.set(name, (secret = isSecret(decode(name), parameters)));
    }
    return secret;
  };

  const parameter = (pair: string): string => {
    const equals = pair.indexOf('=');
    if (equals < 0 || equals === pair.length - 1) return pair;
    const name = pair.slice(0, equals);
    const value = pair.slice(equals + 1);
    if (isSecretParameter(name)) return `${name}=${redacted}`;
    // A parameter may contain a URL, as in a redirect.
    const inner = decode(value);
    const shown = inner.includes('//') ? url(inner) : inner;
    return shown === inner ? pair : `${name}=${encodeURIComponent(shown)}`;
  };

  const text = (text: string): string =>
    text
      .slice(0, 4 * maxTextLength)
      .replace(/\b[a-z][a-z\d+.-]*:\/\/[^/\\?#\s]*@/gi, (found) => url(`${found}/`).slice(0, -1))
      .replace(/\b[a-z][a-z\d+.-]*:\/\/[^\s"'<>`]+|\bdata:[^\s"'<>`]+/gi, url)
      .replace(/"[^"]*" is an invalid header value/g, `"${redacted}" is an invalid header value`)
      .replace(/\b(authorization|(set-)?cookie)["']?\s*[:=]\s*[^\r\n]+/gi, `$1: ${redacted}`)
      .replace(/\b(bearer|basic|digest|negotiate)\s+[\w.~+/=-]{6,}/gi, `$1 ${redacted}`)
      .replace(/([\w-]+)(["']?\s*[:=]\s*)("[^"]*"|'[^']*'|[^\s,;&"')}\]]+)/g, (pair, name: string, separator: string) =>
        isSecret(name, exact) ? `${name}${separator}${redacted}` : pair,
      )
      .slice(0, maxTextLength);

  return { url, text };
}

function normalize(name: string): string {
  return name.toLowerCase().replace(/[^a-z\d]/g, '');
}

/** The text before and after the first `mark`. */
function splitAt(text: string, mark: string): readonly [before: string, after?: string] {
  const at = text.indexOf(mark);
  return at < 0 ? [text] : [text.slice(0, at), text.slice(at + 1)];
}

function decode(text: string): string {
  if (!text.includes('%')) return text;
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // a percent sign that encodes nothing
  }
}
