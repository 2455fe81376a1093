/** `endpoints` beside other policies: each attempt and each copy takes another endpoint, and no endpoint stays busy. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { constant, endpoints, hedge, retry, type Fetch } from '../../src/index.ts';
import { watched } from '../support/call.ts';
import { faultServer, type FaultServer } from '../support/faults.ts';
import { reasonOf } from '../support/promises.ts';
import { expectQuiet } from '../support/sockets.ts';

describe('endpoints', () => {
  let blue: FaultServer;
  let green: FaultServer;
  beforeAll(async () => {
    [blue, green] = await Promise.all([faultServer(), faultServer()]);
  });
  afterEach(async () => {
    for (const server of [blue, green]) {
      await expectQuiet(server);
      server.reset();
    }
  });
  afterAll(() => Promise.all([blue.close(), green.close()]));

  const both = (eject: false | { failures: number } = false) =>
    endpoints([{ url: blue.origin }, { url: green.origin }], { eject, random: () => 0 });
  const inFlight = (route: ReturnType<typeof both>): number[] => route.snapshot().map(({ inFlight }) => inFlight);

  test('inside retry costs each call one attempt on a failing endpoint until the endpoint is ejected', async () => {
    blue.outage = 'reset';
    const route = both({ failures: 2 });
    const { fetch } = watched([retry({ backoff: constant(1) }), route]);
    for (let call = 0; call < 5; call += 1) {
      const response = await fetch('http://api.example/ok', { method: 'PUT', body: `call ${call}` });
      expect(await response.json()).toMatchObject({ body: `call ${call}` });
    }
    expect([blue.requests.length, green.requests.length]).toEqual([2, 5]);
    expect(route.snapshot().map(({ state }) => state)).toEqual(['ejected', 'available']);
    expect(inFlight(route)).toEqual([0, 0]);
  });

  test('inside retry returns the last response, readable, when all endpoints fail, and counts none as busy', async () => {
    blue.outage = 500;
    green.outage = 503;
    const route = both();
    const { fetch } = watched([retry({ retries: 2, backoff: constant(1) }), route]);
    const response = await fetch('http://api.example/ok');
    expect([response.status, await response.text()]).toEqual([500, 'outage']);
    expect([blue.requests.length, green.requests.length]).toEqual([2, 1]);
    expect(inFlight(route)).toEqual([0, 0]);
  });

  test('inside hedge sends the copy to the other endpoint, and counts the aborted loser as no failure', async () => {
    blue.outage = 'hang';
    const route = both({ failures: 1 });
    const { fetch } = watched([hedge({ delay: 20 }), route]);
    const response = await fetch('http://api.example/drip/body?chunks=2');
    expect(inFlight(route)).toEqual([0, 1]);
    expect(await response.text()).toHaveLength(20);
    await blue.until(({ aborted }) => aborted.length === 1);
    expect(route.snapshot()).toMatchObject([
      { state: 'available', failures: 0, inFlight: 0 },
      { state: 'available', failures: 0, inFlight: 0 },
    ]);
  });

  test('outside hedge sends all copies to the endpoint that it picked', async () => {
    const route = both();
    const copies: Fetch = (input, init) => globalThis.fetch(input, init);
    const { fetch } = watched([route, hedge({ delay: 10 })], copies);
    const target = `http://api.example/sequence?steps=hang,ok&id=${crypto.randomUUID()}`;
    await (await fetch(target)).text();
    expect([blue.requests.length, green.requests.length]).toEqual([2, 0]);
    await blue.until(({ aborted }) => aborted.length === 1);
    expect(inFlight(route)).toEqual([0, 0]);
  });

  test('inside hedge counts no request in flight and no failure after the caller aborts', async () => {
    blue.outage = green.outage = 'hang';
    const route = both({ failures: 1 });
    const { fetch } = watched([hedge({ delay: 10 }), route]);
    const leaving = new AbortController();
    const error = reasonOf(fetch('http://api.example/ok', { signal: leaving.signal }));
    await green.until(({ requests }) => requests.length === 1);
    leaving.abort('gone');
    expect(await error).toBe('gone');
    for (const server of [blue, green]) await server.until(({ aborted }) => aborted.length === 1);
    expect(route.snapshot()).toMatchObject([
      { failures: 0, inFlight: 0 },
      { failures: 0, inFlight: 0 },
    ]);
  });
});
