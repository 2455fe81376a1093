/** Which names of parameters, fields and headers are those of secrets. */

/** A name with one of these words is secret. Case and punctuation do not count: `X-Api-Key`, `api_key`, `apiKey`. */
const secretWords =
  /token|secret|passw|passphrase|passcode|pwd|signature|credential|session|sessid|jwt|bearer|authorization|cookie|assertion|saml|verifier|key(id)?$/;

/** Names that are secret as a whole: many other words contain them. */
const secretNames = ['auth', 'pass', 'sig', 'sid', 'hmac', 'otp'];
/** OAuth has secrets in parameters with these names. Elsewhere they are ordinary words. */
const secretParameters = ['code', 'pin'];

export interface SecretNames {
  readonly isField: (name: string) => boolean;
  readonly isParameter: (name: string) => boolean;
}

/** `names`: further names, in addition to the built-in ones. */
export function secretNamesWith(names: readonly string[]): SecretNames {
  const fields = [...secretNames, ...names].map(normalize);
  return { isField: remember(isOneOf(fields)), isParameter: remember(isOneOf([...fields, ...secretParameters])) };
}

function isOneOf(names: readonly string[]): (name: string) => boolean {
  const exact = new Set(names);
  return (name) => {
    const word = normalize(name);
    return secretWords.test(word) || exact.has(word);
  };
}

function normalize(name: string): string {
  return name.toLowerCase().replace(/[^a-z\d]/g, '');
}

/** Names recur, and to classify one takes a microsecond. A long name is not one that recurs. */
const maxRemembered = 1_000;
const maxRememberedLength = 100;

function remember(classify: (name: string) => boolean): (name: string) => boolean {
  const known = new Map<string, boolean>();
  return (name) => {
    let secret = known.get(name);
    if (secret !== undefined) return secret;
    secret = classify(name);
    if (known.size >= maxRemembered) known.clear();
    if (name.length <= maxRememberedLength) known.set(name, secret);
    return secret;
  };
}
