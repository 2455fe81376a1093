/**
 * Removes secrets from text that leaves the process: log lines, attributes of spans. Servers and callers write this text,
 * so the work is linear in its length, and the length of the result is limited.
 */
import { secretNamesWith } from './secret-names.ts';

export interface Redactor {
  /** Removes credentials, the fragment, tokens, and the values of parameters whose names are those of secrets. */
  readonly url: (url: string) => string;
  /** Does the same in every URL of the text, and removes the values of headers and name-value pairs with such names. */
  readonly text: (text: string) => string;
}

/** OpenTelemetry's conventions put this word in place of a secret. */
const redacted = 'REDACTED';

/** Characters of a result. What follows is not read either, so the end of a result cuts no secret in two. */
const maxLength = 2_000;
/** A parameter may contain a URL with parameters, and so on. What is nested more deeply is removed as a whole. */
const maxDepth = 3;
/** How often a value may be percent-encoded. */
const maxEncodings = 3;

/** `names`: further parameters and fields whose values are secrets. */
export function redactor(names: readonly string[] = []): Redactor {
  const { isField, isParameter } = secretNamesWith(names);

  // An ordinary URL needs no regular expression and no array here: every log line has one.
  const redactUrl = (url: string, depth: number): string => {
    if (url.slice(0, 5).toLowerCase() === 'data:') return `data:${redacted}`;
    const [address, query] = splitAt(splitAt(url, '#')[0], '?');
    return query === undefined ? redactAddress(address) : `${redactAddress(address)}?${redactQuery(query, depth)}`;
  };

  const redactAddress = (address: string): string => {
    let shown = address;
    if (shown.includes('@')) shown = shown.replace(userinfo, `$1//${redacted}:${redacted}@`);
    if (shown.includes('=')) {
      shown = shown.replace(pathPairs, (pair, name: string, value?: string) =>
        value && isParameter(name) ? `${name}=${redacted}` : pair,
      );
    }
    return withoutTokens(shown);
  };

  const redactQuery = (query: string, depth: number): string => {
    let shown = '';
    let from = 0;
    for (let and = query.indexOf('&'); and >= 0 && shown.length < maxLength; and = query.indexOf('&', from)) {
      shown += `${redactParameter(query.slice(from, and), depth)}&`;
      from = and + 1;
    }
    return shown.length < maxLength ? shown + redactParameter(query.slice(from), depth) : shown;
  };

  const redactParameter = (pair: string, depth: number): string => {
    const equals = pair.indexOf('=');
    if (equals === pair.length - 1) return pair;
    const name = pair.slice(0, equals + 1);
    const value = pair.slice(equals + 1);
    return name + (isParameter(decode(name)) ? redacted : redactValue(value, depth));
  };

  /** A value may be a URL, a query, JSON or a token, and it may be encoded more than once. */
  const redactValue = (value: string, depth: number): string => {
    if (!nesting.test(value)) return value;
    if (depth === maxDepth) return redacted;
    let shown = value;
    let found = false;
    for (let encodings = 0; encodings <= maxEncodings; encodings += 1) {
      const plain = decode(shown);
      if (plain === shown && encodings > 0) return found ? encode(shown.slice(0, maxLength)) : value;
      shown = redactText(plain, depth + 1);
      found ||= shown !== plain;
    }
    return redacted;
  };

  /** One pass: each step begins where the step before it has ended. */
  const redactText = (text: string, depth: number): string => {
    let shown = '';
    let from = 0;
    let at = 0;
    while (at < text.length && shown.length + at - from < maxLength) {
      const found = matchFrom(beginning, text, at);
      at = found === null ? text.length : found.index + found[0].length;
      const secret = found && secretAt(text, found[0], found.index, depth);
      if (!secret) continue;
      shown += text.slice(from, secret.from) + secret.shown;
      from = at = secret.to;
    }
    return withoutTokens(shown + text.slice(from, at));
  };

  /** What has to be replaced at a word, `//`, `?` or `&` of the text. */
  const secretAt = (text: string, found: string, from: number, depth: number): Part | undefined => {
    const after = from + found.length;
    const part = (pattern: RegExp, from: number, show: (part: string) => string): Part | undefined => {
      const to = endOf(pattern, text, from);
      return to > from ? { from, to, shown: show(text.slice(from, to)) } : undefined;
    };
    if (found === '?' || found === '&') return part(restOfQuery, after, (query) => redactQuery(query, depth));
    return (
      part(urlInText, from, (url) => redactUrl(url, depth)) ??
      part(dataUrl, from, () => `data:${redacted}`) ??
      credentialAt(text, found, from) ??
      (isField(found) ? fieldValue(text, found, after) : undefined)
    );
  };

  return {
    url: (url) => limited(redactUrl(url, 0)),
    text: (text) => limited(redactText(withoutHeaderValue(text), 0)),
  };
}

/** A part of a text, and what takes its place. */
interface Part {
  readonly from: number;
  readonly to: number;
  readonly shown: string;
}

const userinfo = /^([a-z][a-z\d+.-]*:)?\/\/+[^/\\]*@/i;
/** `;jsessionid=...` in a path. A word without a value is matched as well, so that the search goes on behind it. */
const pathPairs = /([\w-]+)(?:=([^;,&/]*))?/g;
/** A value without any of these contains nothing that could be secret by itself. */
const nesting = /[%:=?+\s]|\/\/|eyJ/;
/** A JWT is known by its look: it begins with the Base64 of `{"`. */
const tokenLike = /eyJ[\w.-]*/g;
const token = /^eyJ[\w-]+\.[\w-]+/;

/** What a secret may begin with. The patterns below are matched there or behind it. */
const beginning = /[\w-]+|\/\/|[?&]/g;
const restOfQuery = /[^\s"'<>`]*/y;
const urlInText = /(?:[\w-]+:)?\/\/+(?:[^/\\?#\s]*@)?[^\s"'<>`]*/y;
const dataUrl = /data:[\w/+.;=%-]*,[^\s"'<>`]*/iy;
const credential = /(?:bearer|basic|digest|negotiate)[\s+]+[\w.~+/=-]{6,}/iy;
/** What no ordinary word has: "basic training", "Digest mismatch". */
const encoded = /[\d=]|[a-z][A-Z]/;
/** Also of JSON within JSON, and of the arrow by which Node shows a Map. A form has `+` for a space. */
const separator = /[\\"'\])]*[\s+]*(?:=>?|:)[\s+]*/y;
/** The values of these headers contain spaces. */
const isWholeLine = /(?:^|-)(?:authorization|cookie)$/i;
const openingQuote = /\\*["']/y;
const restOfLine = /[^\r\n]*/y;
const unquoted = /(?:(?:bearer|basic|digest|negotiate)[\s+]+)?[^\s,;&"')}\]]*/iy;

/** Credentials behind the name of their scheme. All of the names but `bearer` are also ordinary words. */
function credentialAt(text: string, scheme: string, from: number): Part | undefined {
  const to = endOf(credential, text, from);
  const isWord = scheme.toLowerCase() !== 'bearer' && !encoded.test(text.slice(from + scheme.length, to));
  return to === from || isWord ? undefined : { from, to, shown: `${scheme} ${redacted}` };
}

function fieldValue(text: string, name: string, after: number): Part | undefined {
  const from = endOf(separator, text, after);
  const to = from === after ? from : endOfValue(text, from, isWholeLine.test(name) ? restOfLine : unquoted);
  return to > from ? { from, to, shown: redacted } : undefined;
}

function endOfValue(text: string, from: number, withoutQuotes: RegExp): number {
  const value = endOf(openingQuote, text, from);
  if (value === from) return endOf(withoutQuotes, text, from);
  // A quotation mark with more backslashes before it than the opening one has is part of the value.
  const quote = text[value - 1]!;
  for (let at = text.indexOf(quote, value); at >= 0; at = text.indexOf(quote, at + 1)) {
    if (at - startOfBackslashes(text, at) < value - from) return at + 1;
  }
  return text.length;
}

function startOfBackslashes(text: string, end: number): number {
  let start = end;
  while (text[start - 1] === '\\') start -= 1;
  return start;
}

/** The message of undici and of browsers quotes the whole value of a header that is not valid. */
function withoutHeaderValue(text: string): string {
  const end = text.indexOf(' is an invalid header value');
  if (end < 0) return text;
  const colon = text.lastIndexOf(': ', end) < 0 ? -2 : text.indexOf(': ');
  return `${text.slice(0, colon + 2)}"${redacted}"${text.slice(end)}`;
}

function withoutTokens(text: string): string {
  return text.includes('eyJ') ? text.replace(tokenLike, (found) => (token.test(found) ? redacted : found)) : text;
}

function matchFrom(pattern: RegExp, text: string, from: number): RegExpExecArray | null {
  pattern.lastIndex = from;
  return pattern.exec(text);
}

/** Where the match of a sticky pattern ends; `from` if there is none. */
function endOf(pattern: RegExp, text: string, from: number): number {
  pattern.lastIndex = from;
  return pattern.test(text) ? pattern.lastIndex : from;
}

/** The text, cut to the length that telemetry writes of a text. */
export function limited(text: string): string {
  return text.length > maxLength ? `${text.slice(0, maxLength - 1)}…` : text;
}

/** The text before and after the first `mark`. */
function splitAt(text: string, mark: string): readonly [before: string, after?: string] {
  const at = text.indexOf(mark);
  return at < 0 ? [text] : [text.slice(0, at), text.slice(at + 1)];
}

const escape = /%[\da-f]{2}/i;

function decode(text: string): string {
  if (!escape.test(text)) return text;
  try {
    return decodeURIComponent(text);
  } catch {
    return text.replace(/%[2-7][\da-f]/gi, decodeURIComponent); // not UTF-8, or it has a percent sign that encodes nothing
  }
}

function encode(text: string): string {
  try {
    return encodeURIComponent(text);
  } catch {
    return redacted; // half of a surrogate pair
  }
}
