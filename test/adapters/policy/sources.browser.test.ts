/** The entry point in a page: no module of Node is imported, and what needs a server speaks to it with the page's fetch. */
import { env, file, url } from 'kyoa/policy/sources';
import { describe, expect, test } from 'vitest';

describe('in a page', () => {
  test('url reads a document of the server of the page, by a path', async () => {
    const controller = new AbortController();
    const text = await new Promise<string>((document, failed) => {
      url('/package.json').watch({ document, absent: () => failed(new Error('absent')), failed }, controller.signal);
    });
    controller.abort();
    expect(JSON.parse(text)).toMatchObject({ name: 'kyoa' });
  });

  test('env has no variables, but for those that it is given', () => {
    const said: string[] = [];
    const sink = { document: (text: string) => said.push(text), absent: () => said.push('absent'), failed: () => {} };
    env().watch(sink, new AbortController().signal);
    env('KYOA_', { env: { KYOA_RETRY_RETRIES: '2' } }).watch(sink, new AbortController().signal);
    expect(said).toEqual(['absent', '{"options":{"retry":{"retries":2}}}']);
  });

  test('file says what to use', () => {
    expect(() => file('policy.json')).toThrow('file() needs the file system of Node, Deno or Bun; elsewhere use url()');
  });
});
