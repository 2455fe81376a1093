import { describe, expect, test } from 'vitest';
import { redactor } from '../../src/telemetry/redact.ts';

const { url, text } = redactor();

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
    '%74oken',
    'user[password]',
  ])('removes the value of the parameter %s', (name) => {
    expect(url(`http://api.example/?a=1&${name}=hunter2&b=2`)).toBe(`http://api.example/?a=1&${name}=REDACTED&b=2`);
  });

  test.each(['page', 'author', 'sort', 'passage', 'limit', 'zip_code'])(
    'keeps the value of the parameter %s',
    (name) => {
      expect(url(`http://api.example/?${name}=2`)).toBe(`http://api.example/?${name}=2`);
    },
  );

  test('removes secrets from a URL within a URL', () => {
    const inner = encodeURIComponent('https://jane:hunter2@other.example/?token=hunter2&a=1');
    const shown = encodeURIComponent('https://REDACTED:REDACTED@other.example/?token=REDACTED&a=1');
    expect(url(`http://api.example/?to=${inner}`)).toBe(`http://api.example/?to=${shown}`);
  });

  test('leaves a parameter with an invalid percent-encoding unchanged', () => {
    expect(url('http://api.example/?a=%&%=1&token=%')).toBe('http://api.example/?a=%&%=1&token=REDACTED');
  });

  test.each([
    [
      'No answer within 5 ms: GET http://a.example/?token=hunter2',
      'No answer within 5 ms: GET http://a.example/?token=REDACTED',
    ],
    ['cannot parse http://jane:hun"ter2@a.example/x', 'cannot parse http://REDACTED:REDACTED@a.example/x'],
    ['redis://:hunter2@10.0.0.1:6379 refused', 'redis://REDACTED:REDACTED@10.0.0.1:6379 refused'],
    [
      'Headers.append: "hunter2\n" is an invalid header value.',
      'Headers.append: "REDACTED" is an invalid header value.',
    ],
    ['sent Authorization: Custom hunter2', 'sent Authorization: REDACTED'],
    ['{"authorization":"Bearer hunter2"}', '{"authorization: REDACTED'],
    ['Set-Cookie: sid=hunter2; Path=/', 'Set-Cookie: REDACTED'],
    ['with Bearer hunter2.abc', 'with Bearer REDACTED'],
    ['x-api-key: hunter2, next', 'x-api-key: REDACTED, next'],
    ['{"password":"hunter 2","a":1}', '{"password":REDACTED,"a":1}'],
    ["config { apiKey: 'hunter2' }", 'config { apiKey: REDACTED }'],
    ['connect ECONNREFUSED 127.0.0.1:80, code: E1', 'connect ECONNREFUSED 127.0.0.1:80, code: E1'],
  ])('turns the message %j into %j', (whole, shown) => {
    expect(text(whole)).toBe(shown);
  });

  test('accepts further names', () => {
    const mine = redactor(['pet-name']);
    expect(mine.url('http://a.example/?petName=rex&page=1')).toBe('http://a.example/?petName=REDACTED&page=1');
    expect(mine.text('pet_name=rex')).toBe('pet_name=REDACTED');
  });

  test('truncates a long message without cutting a secret in two', () => {
    const long = `${'x '.repeat(490)}http://jane:${'hunter2'.repeat(20)}@a.example/`;
    expect(text(long)).toHaveLength(1_000);
    expect(text(long)).not.toContain('hunter2');
  });

  test('takes less than 500 ms for a long repetitive message', () => {
    for (const part of ['a', 'a:', '://', 'token=', '"', '@', 'a-'] as const) {
      const started = performance.now();
      text(part.repeat(1_000_000));
      expect(performance.now() - started).toBeLessThan(500);
    }
  });
});
