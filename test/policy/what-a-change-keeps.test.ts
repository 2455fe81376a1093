import { createFetch, memory, type Metrics, type Middleware } from 'kyoa';
import { policy, type PolicyDocument } from 'kyoa/policy';
import { describe, expect, test } from 'vitest';

import type { Breaker, EndpointsPolicy } from '../../src/index.ts';
import { origin, until } from '../support/origin.ts';
import { manualSource } from '../support/policy-source.ts';
import { deferred } from '../support/promises.ts';

const breaker = { breaker: { volume: 2, cooldown: 600_000 } };

function named(stack: readonly Middleware[], name: string): Middleware {
  return stack.find((middleware) => middleware.name === name)!;
}

describe('a change of a policy document', () => {
  test('of retry leaves an open circuit open', async () => {
    await using server = await origin(({ response }) => response.writeHead(500).end());
    const source = manualSource();
    const live = policy(source, { wait: 0 });
    const use = (retries: number, more: PolicyDocument['use'] = []): string =>
      JSON.stringify({ use: [...more, { retry: { retries, backoff: { constant: [0] } } }, breaker] });
    source.document(use(0));
    const fetch = createFetch({ use: live });
    for (let n = 0; n < 2; n += 1) await (await fetch(server.url)).text();
    await expect(fetch(server.url)).rejects.toMatchObject({ code: 'CIRCUIT_OPEN' });

    const before = named(live.current, 'breaker');
    for (const text of [use(2), use(0, ['log', { metrics: {} }]), use(1)]) {
      source.document(text);
      expect(named(live.current, 'breaker')).toBe(before);
      await expect(fetch(server.url, { log: false })).rejects.toMatchObject({ code: 'CIRCUIT_OPEN' });
    }
    expect(server.exchanges).toHaveLength(2);
    expect((before as Breaker).snapshot()).toMatchObject({ [new URL(server.url).origin]: { state: 'open' } });
  });

  test('of its own options makes a new circuit', () => {
    const live = policy({ use: [breaker] });
    const [before] = live.current;
    live.update({ use: [{ breaker: { volume: 3, cooldown: 600_000 } }] });
    expect(live.current[0]).not.toBe(before);
  });

  test('of the order of members, of the white space or of the place is none for a policy', () => {
    const source = manualSource();
    const live = policy(source, { wait: 0 });
    source.document('{ "use": [{ "breaker": { "volume": 2, "slow": { "over": 9, "ratio": 1 } } }, "retry"] }');
    const [before, retry] = live.current;
    source.document('{ "use": ["retry",\n\n { "breaker": { "slow": { "ratio": 1, "over": 9 }, "volume": 2 } }] }');
    expect(live.current).toEqual([retry, before]);
    expect(live.current[1]).toBe(before);
  });

  test('of one of two equal policies leaves the other one its state', () => {
    const limit = (queue: number): NonNullable<PolicyDocument['use']>[number] => ({ limit: { concurrency: 1, queue } });
    const live = policy({ use: [limit(1), limit(2)] });
    const [, second] = live.current;
    live.update({ use: [limit(2), limit(3)] });
    expect(live.current[0]).toBe(second);
    expect(live.current[1]).not.toBe(second);
  });

  test('of retry keeps the permits that calls hold', async () => {
    const gate = deferred();
    await using server = await origin(({ response }) => void gate.promise.then(() => response.end('ok')));
    const limit = { limit: { concurrency: 1, queue: 0 } };
    const live = policy({ use: [{ retry: 1 }, limit] });
    const fetch = createFetch({ use: live });
    const running = fetch(server.url);
    await until(() => server.exchanges.length === 1);
    live.update({ use: [{ retry: 0 }, limit] });
    await expect(fetch(server.url)).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED' });
    gate.resolve();
    expect(await (await running).text()).toBe('ok');
    expect(await (await fetch(server.url)).text()).toBe('ok');
    expect(server.exchanges).toHaveLength(2);
  });

  test('of retry keeps the latencies that were learnt, and what was counted', async () => {
    const gate = deferred();
    let slow = false;
    await using server = await origin(({ response }) =>
      slow ? void gate.promise.then(() => response.end('late')) : response.end('ok'),
    );
    // A limit that is not learnt would be 60 s.
    const adaptive = { adaptive: { initial: 60_000, min: 150, max: 60_000, minSamples: 3 } };
    const use = (retries: number): PolicyDocument => ({
      use: ['metrics', { retry: { retries } }, { timeout: { headers: adaptive } }],
    });
    const live = policy(use(1));
    const fetch = createFetch({ use: live, storage: memory() });
    for (let n = 0; n < 5; n += 1) await (await fetch(server.url)).text();
    const [metrics, , timeout] = live.current;
    live.update(use(0));
    expect(live.current[2]).toBe(timeout);
    slow = true;
    await expect(fetch(server.url)).rejects.toMatchObject({ phase: 'headers' });
    expect((metrics as Metrics).snapshot()).toMatchObject({ calls: 6, errors: 1 });
    gate.resolve();
  });

  test('of weights moves the calls, and keeps an endpoint ejected', async () => {
    await using blue = await origin(({ response }) => response.end('blue'));
    await using green = await origin(({ response }) => response.end('green'));
    await using red = await origin(({ response }) => response.writeHead(500).end());
    const source = manualSource();
    const live = policy(source, { wait: 0 });
    const list = (weights: readonly number[], eject = 2): string => {
      const urls = [blue.url, green.url, red.url];
      const endpoints = {
        list: urls.map((url, n) => ({ url, weight: weights[n] })),
        eject: { failures: eject, for: 600_000, share: 1 },
      };
      return JSON.stringify({ use: [{ endpoints }] });
    };
    source.document(list([1, 0, 1]));
    const fetch = createFetch({ use: live });
    const call = async (): Promise<string> => (await fetch('https://api.example.com/users')).text();
    while (red.exchanges.length < 2) await call();
    const endpoints = live.current[0] as EndpointsPolicy;
    const states = (): unknown => endpoints.snapshot().map(({ weight, state }) => [weight, state]);
    expect(states()).toEqual([
      [1, 'available'],
      [0, 'available'],
      [1, 'ejected'],
    ]);

    source.document(list([3, 0, 5]));
    expect(live.current[0]).toBe(endpoints);
    expect(states()).toEqual([
      [3, 'available'],
      [0, 'available'],
      [5, 'ejected'],
    ]);
    expect([await call(), await call()]).toEqual(['blue', 'blue']);
    source.document(list([0, 1, 5]));
    expect([await call(), await call()]).toEqual(['green', 'green']);
    expect(red.exchanges).toHaveLength(2);

    source.document(list([0, 0, 0]));
    expect(live.snapshot().sources[0]!.refused?.problems).toMatchObject([{ path: 'use[0].endpoints.list', line: 1 }]);
    expect(states()).toEqual([
      [0, 'available'],
      [1, 'available'],
      [5, 'ejected'],
    ]);
    source.document(list([1, 1, 1], 3));
    expect(live.current[0]).not.toBe(endpoints);
  });

  test('that is refused changes no weights', () => {
    const list = (weight: number): readonly { url: string; weight: number }[] => [
      { url: 'https://a.example/', weight },
    ];
    const live = policy({ use: [{ endpoints: { list: list(1) } }] });
    expect(() => live.update({ use: [{ endpoints: { list: list(5) } }, { retry: -1 }] })).toThrow(
      'use[1].retry.retries',
    );
    expect((live.current[0] as EndpointsPolicy).snapshot()).toMatchObject([{ weight: 1 }]);
  });

  test('of a secret makes the policies that have it anew', () => {
    const made: unknown[] = [];
    const variables: Record<string, string> = { TOKEN: 'one' };
    const tenant = (options: unknown): Middleware => {
      made.push(options);
      return (_, next) => next();
    };
    const document: PolicyDocument = { use: [{ tenant: { token: { env: 'TOKEN' } } }] };
    const live = policy(document, { middleware: { tenant }, env: (name) => variables[name] });
    live.update(document);
    variables['TOKEN'] = 'two';
    live.update(document);
    expect(made).toEqual([{ token: 'one' }, { token: 'two' }]);
  });

  test('keeps a middleware of the program', () => {
    const tenant: Middleware = (_, next) => next();
    const live = policy({ use: ['tenant'] }, { middleware: { tenant } });
    live.update({ use: ['trace', 'tenant'] });
    expect(live.current[1]).toBe(tenant);
  });
});
