import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { redactor } from '../../src/telemetry/redact.ts';

const { url, text } = redactor();

const jwt = 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJqYW5lIn0.c2lnbmF0dXJl';

describe('redactor', () => {
  test.each([
    ['http://api.example/users', 'http://api.example/users'],
    ['http://api.example/users?page=2&sort=name', 'http://api.example/users?page=2&sort=name'],
    ['https://jane:hunter2@api.example/', 'https://REDACTED:REDACTED@api.example/'],
    ['https://hunter2@api.example/', 'https://REDACTED:REDACTED@api.example/'],
    ['https://jane:hun@ter2@api.example/', 'https://REDACTED:REDACTED@api.example/'],
    ['https://api.example/@jane?page=2', 'https://api.example/@jane?page=2'],
    ['https://api.example/cb#access_token=hunter2', 'https://api.example/cb'],
    ['https://api.example/?page=2#access_token=hunter2', 'https://api.example/?page=2'],
    ['data:text/plain,hunter2', 'data:REDACTED'],
    ['/users?token=hunter2', '/users?token=REDACTED'],
    ['/users;jsessionid=hunter2/7;page=2', '/users;jsessionid=REDACTED/7;page=2'],
    [`/reset/${jwt}/now`, '/reset/REDACTED/now'],
    [`/users?page=2&next=${jwt}`, '/users?page=2&next=REDACTED'],
    [`/users?${jwt}`, '/users?REDACTED'],
    ['/users?cursor=eyJpZCI6N30', '/users?cursor=eyJpZCI6N30'],
    ['/find?q=basic+training+course', '/find?q=basic+training+course'],
    ['/find?q=a%20digest%20magazine', '/find?q=a%20digest%20magazine'],
    ['/find?q=basic%20amFuZTpodW50ZXIy', '/find?q=basic%20REDACTED'],
    ['/users?at=2026-01-01T10:00:00Z&q=a+b', '/users?at=2026-01-01T10:00:00Z&q=a+b'],
  ])('turns the URL %s into %s', (whole, shown) => {
    expect(url(whole)).toBe(shown);
  });

  test.each([
    'token',
    'access_token',
    'refreshToken',
    'id-token',
    'api_key',
    'apiKey',
    'key',
    'X-Api-Key',
    'Ocp-Subscription-Key',
    'secret',
    'client_secret',
    'password',
    'pwd',
    'pass',
    'signature',
    'sig',
    'X-Amz-Signature',
    'X-Amz-Credential',
    'X-Amz-Security-Token',
    'X-Goog-Signature',
    'AWSAccessKeyId',
    'jwt',
    'auth',
    'authorization',
    'session',
    'PHPSESSID',
    'code',
    'client_assertion',
    'SAMLResponse',
    'code_verifier',
    '%74oken',
    'user[password]',
    'user%5Bpassword%5D',
  ])('removes the value of the parameter %s', (name) => {
    expect(url(`http://api.example/?a=1&${name}=hunter2&b=2`)).toBe(`http://api.example/?a=1&${name}=REDACTED&b=2`);
  });

  test.each(['page', 'author', 'sort', 'passage', 'limit', 'zip_code'])(
    'keeps the value of the parameter %s',
    (name) => {
      expect(url(`http://api.example/?${name}=2`)).toBe(`http://api.example/?${name}=2`);
    },
  );

  test.each([
    [
      'a URL',
      'https://jane:hunter2@x.example/?token=hunter2&a=1',
      'https://REDACTED:REDACTED@x.example/?token=REDACTED&a=1',
    ],
    ['a URL without a scheme', '//jane:hunter2@x.example/', '//REDACTED:REDACTED@x.example/'],
    ['a relative URL', '/cb?code=hunter2&a=1', '/cb?code=REDACTED&a=1'],
    ['a query', 'a=1&token=hunter2', 'a=1&token=REDACTED'],
    ['JSON', '{"a": 1, "password": "hunter2"}', '{"a": 1, "password": REDACTED}'],
    ['JSON in JSON', '{"a":"{\\"password\\":\\"hun\\\\\\"ter2\\"}"}', '{"a":"{\\"password\\":REDACTED}"}'],
    ['a token', jwt, 'REDACTED'],
    ['a credential', 'Bearer hunter2', 'Bearer REDACTED'],
  ])('removes secrets from %s in a parameter, also in one that is encoded up to three times', (_what, inner, shown) => {
    for (let encoded = inner, times = 0; times < 4; times += 1, encoded = encodeURIComponent(encoded)) {
      if (times === 0 && inner.includes('&')) continue;
      expect(url(`http://api.example/?to=${encoded}`)).toBe(`http://api.example/?to=${encodeURIComponent(shown)}`);
    }
    expect(url(`http://api.example/?${new URLSearchParams({ to: inner })}`)).toMatch(/^(?!.*hunter).*REDACTED/);
  });

  test('removes the whole value of a parameter that is encoded more than three times, or nested more than three times', () => {
    let encoded = '/?a=1';
    for (let times = 0; times < 4; times += 1) encoded = encodeURIComponent(encoded);
    expect(url(`/?to=${encoded}`)).toBe('/?to=REDACTED');
    const nested = (depth: number, inner: string): string => (depth === 0 ? inner : `/?to=${nested(depth - 1, inner)}`);
    expect(url(nested(3, '/?page=2'))).toBe(nested(3, '/?page=2'));
    expect(url(nested(9, '/?page=2'))).toContain('REDACTED');
  });

  test('removes secrets from a parameter that is not encoded as UTF-8', () => {
    expect(url('/?to=M%FCller%3Ftoken%3Dhunter2')).not.toContain('hunter2');
  });

  test('leaves a parameter with an invalid percent-encoding unchanged', () => {
    expect(url('http://api.example/?a=%&%=1&token=%')).toBe('http://api.example/?a=%&%=1&token=REDACTED');
  });

  test.each([
    [
      'No response within 5 ms: GET http://a.example/?token=hunter2',
      'No response within 5 ms: GET http://a.example/?token=REDACTED',
    ],
    ['cannot parse http://jane:hun"ter2@a.example/x', 'cannot parse http://REDACTED:REDACTED@a.example/x'],
    ['redis://:hunter2@10.0.0.1:6379 refused', 'redis://REDACTED:REDACTED@10.0.0.1:6379 refused'],
    [
      'Headers.append: "hunter2\n" is an invalid header value.',
      'Headers.append: "REDACTED" is an invalid header value.',
    ],
    ['sent Authorization: Custom hunter2', 'sent Authorization: REDACTED'],
    ['{"authorization":"Bearer hunter2"}', '{"authorization":REDACTED}'],
    ['Set-Cookie: sid=hunter2; Path=/', 'Set-Cookie: REDACTED'],
    ['with Bearer hunter2.abc', 'with Bearer REDACTED'],
    ['x-api-key: hunter2, next', 'x-api-key: REDACTED, next'],
    ['{"password":"hunter 2","a":1}', '{"password":REDACTED,"a":1}'],
    ["config { apiKey: 'hunter2' }", 'config { apiKey: REDACTED }'],
    ["Map(1) { 'x-api-key' => 'hunter2' }", "Map(1) { 'x-api-key' => REDACTED }"],
    ['x-api-key: Bearer hunter2', 'x-api-key: REDACTED'],
    ['password="hunter2', 'password=REDACTED'],
    ['GET /cb?page=2&code=hunter2 failed', 'GET /cb?page=2&code=REDACTED failed'],
    ['Proxy-Authorization: Digest username="jane", response="hunter2"', 'Proxy-Authorization: REDACTED'],
    ['Headers.append: hunter2 is an invalid header value.', 'Headers.append: "REDACTED" is an invalid header value.'],
    ['hunter2 is an invalid header value: x', '"REDACTED" is an invalid header value: x'],
    [`got ${jwt}.`, 'got REDACTED'],
    ['loaded data:text/plain,hunter2 first', 'loaded data:REDACTED first'],
    ['who? me; basic: a', 'who? me; basic: a'],
    ['Basic authentication is required', 'Basic authentication is required'],
    ['BASIC AUTHENTICATION is required', 'BASIC AUTHENTICATION is required'],
    ['Digest mismatch, failed to Negotiate anything', 'Digest mismatch, failed to Negotiate anything'],
    ['basic //jane:hunter2@a.example', 'basic //REDACTED:REDACTED@a.example'],
    ['with Basic amFuZTpodW50ZXIy', 'with Basic REDACTED'],
    ['with BASIC amFuZTpodW50ZXI= now', 'with BASIC REDACTED now'],
    ['with negotiate aaaaBaaaa', 'with negotiate REDACTED'],
    ['Digest username="jane"', 'Digest REDACTED"jane"'],
    ['bearer: hunter2', 'bearer: REDACTED'],
    ['http://a.example/b,token=hunter2', 'http://a.example/b,token=REDACTED'],
    ["{data:{token:'hunter 2'}}", '{data:{token:REDACTED}}'],
    ['x//jane:hunter2@a.example', 'x//REDACTED:REDACTED@a.example'],
    ['https:////jane:hunter2@a.example', 'https://REDACTED:REDACTED@a.example'],
    ['connect ECONNREFUSED 127.0.0.1:80, code: E1', 'connect ECONNREFUSED 127.0.0.1:80, code: E1'],
  ])('turns the message %j into %j', (whole, shown) => {
    expect(text(whole)).toBe(shown);
  });

  test('accepts further names', () => {
    const mine = redactor(['pet-name']);
    expect(mine.url('http://a.example/?petName=rex&page=1')).toBe('http://a.example/?petName=REDACTED&page=1');
    expect(mine.text('pet_name=rex')).toBe('pet_name=REDACTED');
  });

  test('truncates what is longer than 2,000 characters, without cutting a secret in two', () => {
    const long = `${'x '.repeat(990)}http://jane:${'hunter2'.repeat(20)}@a.example/`;
    expect(text(long)).toHaveLength(2_000);
    expect(text(long)).toMatch(/REDACTED:RED…$/);
    expect(url(`/?a=${'a'.repeat(1_990)}&token=hunter2`)).toMatch(/^.{1999}…$/);
  });

  test('is linear in its input and limits its output, for text of a million repetitive parts', () => {
    // Were the work quadratic in the length, each of these would take hours.
    const parts = [
      'a',
      'a:',
      'a.',
      '-a',
      '://',
      'a://@',
      '//?a=',
      '/?token=',
      '?a=b&',
      '"',
      'a="',
      'a=\'"',
      '\\',
      '@',
      ';a',
    ];
    for (const part of [
      ...parts,
      'eyJ',
      '-eyJ.',
      'bearer ',
      'cookie:',
      'token=',
      'token="\\',
      ' ',
      '%25',
      '%',
      '%FC',
      '\ud83d',
    ]) {
      const long = part.repeat(1_000_000);
      for (const shown of [text(long), url(long), url(`http://a.example/?a=${long}`), text(`x-api-key: ${long}`)]) {
        expect(shown.length).toBeLessThanOrEqual(2_000);
      }
    }
  }, 120_000);
});

/** A URL as a list of plain parts, and what is left of it: the reference splits and joins, without any shortcut. */
function reference(href: string): string {
  const { protocol, host, pathname, search, username } = new URL(href);
  const isSecret = (name: string): boolean => /TOKEN|API-?KEY|^SIG$/i.test(decodeURIComponent(name));
  const pairs = search.slice(1).split('&');
  const shown = pairs.map((pair) => {
    const [name = '', ...rest] = pair.split('=');
    return rest.join('=') !== '' && isSecret(name) ? `${name}=REDACTED` : pair;
  });
  const userinfo = username === '' ? '' : 'REDACTED:REDACTED@';
  return `${protocol}//${userinfo}${host}${pathname}${href.includes('?') ? '?' : ''}${shown.join('&')}`;
}

describe('redactor, for any input,', () => {
  const plain = fc.string({ unit: fc.constantFrom(...Array.from('abcxyz019-_~ä😀')), maxLength: 8 });
  const names = fc.constantFrom('page', 'sort', 'token', 'accessToken', 'api-key', 'sig', 'signal', 'T%6Fken');

  test('redacts a URL of plain values as a reference does that splits it into its parts', () => {
    const pairs = fc.array(fc.tuple(names, plain.map(encodeURIComponent)), { maxLength: 5 });
    const user = fc.option(fc.constantFrom('jane@', 'jane:hunter2@', 'j%40ne:@'), { nil: '' });
    const hash = fc.constantFrom('', '#', '#token=hunter2');
    fc.assert(
      fc.property(user, fc.constantFrom('', 'a', 'a/@b'), pairs, hash, (user, path, pairs, hash) => {
        const query = pairs.map((pair) => pair.join('=')).join('&');
        const { href } = new URL(`https://${user}api.example:81/${path}?${query}${hash}`);
        expect(url(href)).toBe(reference(href));
      }),
      { numRuns: 2_000 },
    );
  });

  test('shows no secret, however it is nested and encoded, and keeps what is next to it', () => {
    const secret = 'h4nter2h4nter2';
    const holders = fc.constantFrom<(value: string) => string>(
      (value) => `/cb?page=2&to=${encodeURIComponent(value)}`,
      (value) => `https://a.example/cb?to=${encodeURIComponent(encodeURIComponent(value))}&page=2`,
      (value) => JSON.stringify({ page: 2, to: value }),
      (value) => `https://a.example/?${new URLSearchParams({ page: '2', to: value })}`,
    );
    const leaves = fc.constantFrom<string>(
      `token=${secret}`,
      `/cb?q=two+words&code=${secret}`,
      `/cb?q=${encodeURIComponent('two words')}&code=${secret}`,
      `{"password": "${secret}"}`,
      `https://jane:${secret}@b.example/`,
      `/cb;jsessionid=${secret}`,
      `Bearer ${secret}`,
      `eyJhbGciOiJub25lIn0.${secret}.`,
    );
    fc.assert(
      fc.property(leaves, fc.array(holders, { minLength: 1, maxLength: 4 }), (leaf, holders) => {
        const nested = holders.reduce((value, hold) => hold(value), leaf);
        for (const shown of [text(nested), url(`https://x.example/?page=2&q=${encodeURIComponent(nested)}`)]) {
          expect(shown).not.toContain('h4nter2');
          expect(shown).toMatch(/page=2|page%3D2|page(\W|%22)+2/);
        }
      }),
      { numRuns: 2_000 },
    );
  });

  test('throws for no text, and limits its output', () => {
    const unit = fc.constantFrom(...Array.from('a/?&=:#@;%"\'\\.- \n{}25DFeyJ\ud83d'), 'token', 'bearer', '://', 'eyJ');
    fc.assert(
      fc.property(fc.string({ unit, maxLength: 200 }), (any) => {
        for (const shown of [text(any), url(any)]) expect(shown.length).toBeLessThanOrEqual(2_000);
      }),
      { numRuns: 5_000 },
    );
  });
});
