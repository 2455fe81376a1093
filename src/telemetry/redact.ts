/** Cuts secrets out of what leaves the process: the words of a log line, the attributes of a span. */

export interface Redactor {
  /** Without credentials, the values of parameters that are named like secrets, and the fragment. */
  readonly url: (url: string) => string;
  /** The same for every URL in it, and without what looks like a header or a pair with a secret. */
  readonly text: (text: string) => string;
}

/** The word that OpenTelemetry's conventions put in place of a secret. */
const redacted = 'REDACTED';

/** Names are compared without case and punctuation: `X-Api-Key`, `api_key` and `apiKey` are one. */
const telling =
  /token|secret|passw|passphrase|pwd|signature|credential|session|sessid|jwt|bearer|authorization|cookie|key(id)?$/;
const short = ['auth', 'pass', 'sig', 'sid', 'hmac', 'otp'];
/** Secrets of OAuth as parameters, ordinary words elsewhere. */
const inQueries = ['code', 'pin'];

/** Of an error's message, characters; four times as much is read, so that no secret is cut in two. */
const longestText = 1_000;

/** Names of parameters recur, and to judge one takes a microsecond. */
const mostJudged = 1_000;

/** @param names of parameters and fields whose values are secrets besides */
export function redactor(names: readonly string[] = []): Redactor {
  const exact = new Set([...short, ...names].map(bare));
  const parameters = new Set([...exact, ...inQueries]);
  const isSecret = (name: string, exactly: ReadonlySet<string>): boolean => {
    const word = bare(name);
    return telling.test(word) || exactly.has(word);
  };

  // No regular expression on the way of an ordinary URL, and no array: a log has one in every line.
  const url = (url: string): string => {
    if (url.slice(0, 5).toLowerCase() === 'data:') return `data:${redacted}`;
    const [whole, query] = cut(cut(url, '#')[0], '?');
    const address = whole.includes('@')
      ? whole.replace(/^([a-z][a-z\d+.-]*:)?\/\/[^/\\]*@/i, `$1//${redacted}:${redacted}@`)
      : whole;
    return query === undefined ? address : `${address}?${parametersOf(query)}`;
  };

  const parametersOf = (query: string): string => {
    let shown = '';
    let from = 0;
    for (let and = query.indexOf('&'); and >= 0; and = query.indexOf('&', from)) {
      shown += `${parameter(query.slice(from, and))}&`;
      from = and + 1;
    }
    return shown + parameter(query.slice(from));
  };

  const judged = new Map<string, boolean>();
  const isSecretParameter = (name: string): boolean => {
    let secret = judged.get(name);
    if (secret === undefined) {
      if (judged.size >= mostJudged) judged.clear();
      judged.set(name, (secret = isSecret(decode(name), parameters)));
    }
    return secret;
  };

  const parameter = (pair: string): string => {
    const equals = pair.indexOf('=');
    if (equals < 0 || equals === pair.length - 1) return pair;
    const name = pair.slice(0, equals);
    const value = pair.slice(equals + 1);
    if (isSecretParameter(name)) return `${name}=${redacted}`;
    // An address within an address, as of a redirect.
    const inner = decode(value);
    const open = inner.includes('//') ? url(inner) : inner;
    return open === inner ? pair : `${name}=${encodeURIComponent(open)}`;
  };

  const text = (text: string): string =>
    text
      .slice(0, 4 * longestText)
      .replace(/\b[a-z][a-z\d+.-]*:\/\/[^/\\?#\s]*@/gi, (found) => url(`${found}/`).slice(0, -1))
      .replace(/\b[a-z][a-z\d+.-]*:\/\/[^\s"'<>`]+|\bdata:[^\s"'<>`]+/gi, url)
      .replace(/"[^"]*" is an invalid header value/g, `"${redacted}" is an invalid header value`)
      .replace(/\b(authorization|(set-)?cookie)["']?\s*[:=]\s*[^\r\n]+/gi, `$1: ${redacted}`)
      .replace(/\b(bearer|basic|digest|negotiate)\s+[\w.~+/=-]{6,}/gi, `$1 ${redacted}`)
      .replace(/([\w-]+)(["']?\s*[:=]\s*)("[^"]*"|'[^']*'|[^\s,;&"')}\]]+)/g, (pair, name: string, is: string) =>
        isSecret(name, exact) ? `${name}${is}${redacted}` : pair,
      )
      .slice(0, longestText);

  return { url, text };
}

function bare(name: string): string {
  return name.toLowerCase().replace(/[^a-z\d]/g, '');
}

/** Before and after the first `mark`. */
function cut(text: string, mark: string): readonly [before: string, after?: string] {
  const at = text.indexOf(mark);
  return at < 0 ? [text] : [text.slice(0, at), text.slice(at + 1)];
}

function decode(text: string): string {
  if (!text.includes('%')) return text;
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // a lone percent sign
  }
}
