/** Against a stand-in for Nacos: there is none for this machine. */
import { nacos } from 'kyoa/policy/sources';
import { describe, expect, test } from 'vitest';

import { startNacos } from '../../support/policy/nacos.ts';
import { watched } from '../../support/policy/watched.ts';

const user = { username: 'ada', password: 's3cret' };
const paths = (asked: readonly { readonly method: string; readonly path: string }[]): string[] =>
  asked.map(({ method, path }) => `${method} ${path.replace('/nacos', '')}`);

describe('nacos', () => {
  test('reads with the path of Nacos 3 and listens with that of Nacos 1, which Nacos 3 has', async () => {
    await using server = await startNacos({ generation: 3 });
    server.publish('team/shop/http.json', '{}');
    await using watch = watched(nacos(server.address, { dataId: 'http.json', group: 'shop', namespace: 'team' }));
    await server.until(() => server.asked.length === 2);
    const [read, listen] = server.asked;
    expect(paths([read!, listen!])).toEqual(['GET /v3/client/cs/config', 'POST /v1/cs/configs/listener']);
    expect(Object.fromEntries(read!.query)).toEqual({ dataId: 'http.json', groupName: 'shop', namespaceId: 'team' });
    const md5 = '99914b932bd37a50b983c5e7c90ae93b';
    expect(listen!.headers['long-pulling-timeout']).toBe('30000');
    expect(listen!.body).toBe(`Listening-Configs=http.json%02shop%02${md5}%02team%01`);
    expect(watch.said).toEqual([`document ${md5}: {}`]);
    server.publish('team/shop/http.json', '{"a":1}');
    await watch.until((last) => last.endsWith('{"a":1}'));
  });

  test('reads with the path of Nacos 1 where there is no other, and asks for that of Nacos 3 once', async () => {
    await using server = await startNacos({ generation: 1 });
    server.publish('DEFAULT_GROUP/a', '{}');
    await using watch = watched(nacos(server.address, { dataId: 'a', namespace: 'public' }));
    await watch.until((last) => last.endsWith('{}'));
    server.publish('DEFAULT_GROUP/a', '{"a":1}');
    await watch.until((last) => last.endsWith('{"a":1}'));
    const [, read, listen] = server.asked;
    expect(Object.fromEntries(read!.query)).toEqual({ dataId: 'a', group: 'DEFAULT_GROUP', tenant: '' });
    expect(listen!.body).toBe('Listening-Configs=a%02DEFAULT_GROUP%0299914b932bd37a50b983c5e7c90ae93b%01');
    expect(paths(server.asked.slice(0, 4))).toEqual([
      'GET /v3/client/cs/config',
      'GET /v1/cs/configs',
      'POST /v1/cs/configs/listener',
      'GET /v1/cs/configs',
    ]);
  });

  test('reads again every interval where the path of Nacos 1 is switched off', async () => {
    await using server = await startNacos({ generation: '3 without compatibility' });
    await using watch = watched(nacos(server.address, { dataId: 'a', interval: 10 }));
    await watch.until((last) => last === 'absent');
    server.publish('DEFAULT_GROUP/a', '{}');
    await watch.until((last) => last.endsWith('{}'));
  });

  test('waits for a configuration that does not exist', async () => {
    await using server = await startNacos({ generation: 3 });
    await using watch = watched(nacos(server.address, { dataId: 'a' }));
    await watch.until((last) => last === 'absent');
    await server.until(() => server.asked.length === 2);
    expect(server.asked[1]!.body).toBe('Listening-Configs=a%02DEFAULT_GROUP%02%01');
    server.publish('DEFAULT_GROUP/a', '{}');
    await watch.until((last) => last.endsWith('{}'));
  });

  test('listens again when Nacos has held the request for long enough', async () => {
    await using server = await startNacos({ generation: 3, hold: 1_000 });
    server.publish('DEFAULT_GROUP/a', '{}');
    await using watch = watched(nacos(server.address, { dataId: 'a' }));
    await server.until(() => server.asked.length === 5);
    expect(watch.said.length).toBe(1);
  });

  test.each([1, 3] as const)('logs in to Nacos %i, and again when its token has expired', async (generation) => {
    await using server = await startNacos({ generation, user });
    server.publish('DEFAULT_GROUP/a', '{}');
    await using watch = watched(nacos(server.address, { dataId: 'a', ...user }));
    await watch.until((last) => last.endsWith('{}'));
    server.forget();
    server.publish('DEFAULT_GROUP/a', '{"a":1}');
    await watch.until((last) => last.endsWith('{"a":1}'));
    expect(server.logins()).toBe(2);
    expect(watch.said.length).toBe(2);
    expect(server.asked.some(({ query }) => query.has('password'))).toBe(false);
  });

  test('logs in as the user of its address', async () => {
    await using server = await startNacos({ generation: 3, user });
    server.publish('DEFAULT_GROUP/a', '{}');
    await using watch = watched(nacos(server.address.replace('//', '//ada:s3cret@'), { dataId: 'a' }));
    await watch.until((last) => last.endsWith('{}'));
  });

  test('sends an access token in place of a user', async () => {
    await using server = await startNacos({ generation: 3, user });
    server.publish('DEFAULT_GROUP/a', '{}');
    await using watch = watched(nacos(server.address, { dataId: 'a', accessToken: 'token-1' }));
    await watch.until((last) => last.endsWith('{}'));
    expect(server.logins()).toBe(0);
  });

  test('fails with a wrong password, which it does not repeat', async () => {
    await using server = await startNacos({ generation: 3, user });
    await using watch = watched(nacos(server.address, { dataId: 'a', username: 'ada', password: 'wr0ng' }));
    expect(await watch.until(() => true)).toBe(
      `failed: nacos ${server.address} DEFAULT_GROUP/a: HTTP 403; check the credentials of the source`,
    );
  });

  test('takes the path of the address for the context path of the server', async () => {
    await using server = await startNacos({ generation: 3 });
    server.publish('DEFAULT_GROUP/a', '{}');
    await using watch = watched(nacos(`${server.address}/nacos/`, { dataId: 'a' }));
    await watch.until((last) => last.endsWith('{}'));
  });
});
