import { endpoints, race, type Endpoint, type EndpointsOptions } from 'kyoa';
import { describe, expect, test } from 'vitest';

import { url } from '../../support/http.ts';
import { reasonOf } from '../../support/promises.ts';
import { a, byOrigin, list } from './transports.ts';

describe('endpoints', () => {
  test.each<[string, unknown, unknown]>([
    ['endpoints', [], {}],
    ['endpoints', 'http://a.example', {}],
    ['endpoints', [{ url: a, weight: 0 }], {}],
    ['endpoints url', [{ url: '/relative' }], {}],
    ['endpoints url', [{}], {}],
    ['endpoints url', [{ url: 'ftp://a.example' }], {}],
    ['endpoints url', [{ url: 'http://u:p@a.example' }], {}],
    ['endpoints url', [{ url: 'http://a.example/?q' }], {}],
    ['endpoints url', [{ url: 'http://a.example/?q=1' }], {}],
    ['endpoints url', [{ url: a }, { url: `${a}/` }], {}],
    ['endpoints weight', [{ url: a, weight: -1 }], {}],
    ['endpoints weight', [{ url: a, weight: NaN }], {}],
    ['endpoints weight', [{ url: a, weight: Infinity }], {}],
    ['endpoints zone', [{ url: a, zone: '' }], {}],
    ['endpoints endpoint has no option wait', [{ url: a, wait: 1 }], {}],
    ['endpoints pick', list, { pick: 'first' }],
    ['endpoints zones', list, { zones: 'eu' }],
    ['endpoints zones', list, { zones: [1] }],
    ['endpoints random', list, { random: 0.5 }],
    ['endpoints eject', list, { eject: true }],
    ['endpoints eject failures', list, { eject: { failures: 0 } }],
    ['endpoints eject for', list, { eject: { for: 0 } }],
    ['endpoints eject share', list, { eject: { share: 50 } }],
    ['endpoints eject has no option times', list, { eject: { times: 2 } }],
    ['endpoints has no option ejct', list, { ejct: {} }],
  ])('throws INVALID_OPTION that names %s for %j %j', (name, given, options) => {
    expect(() => endpoints(given as Endpoint[], options as EndpointsOptions)).toThrow(
      expect.objectContaining({ code: 'INVALID_OPTION', message: expect.stringContaining(name) as string }),
    );
  });

  test.each(['http://jane:hunter2@a.example', 'http://a.example/?token=hunter2', 'ftp://jane:hunter2@a.example'])(
    'shows no secret of the URL that it refuses: %s',
    (url) => {
      for (const policy of [() => endpoints([{ url }]), () => race([url]), () => race([new URL(url)])]) {
        expect(policy).toThrow(expect.objectContaining({ message: expect.not.stringContaining('hunter2') as string }));
      }
    },
  );

  test('throws for an invalid update and changes nothing, and rejects a call with an invalid override', async () => {
    const route = endpoints(list);
    expect(() => route.update([])).toThrow(expect.objectContaining({ code: 'INVALID_OPTION' }));
    expect(route.snapshot()).toHaveLength(3);
    const { fetch } = byOrigin([route]);
    const override = { eject: false } as never;
    expect(await reasonOf(fetch(url, { endpoints: override }))).toMatchObject({ code: 'INVALID_OPTION' });
  });
});
