import { Registry } from 'prom-client';
import { describe, expect, test } from 'vitest';
import { prometheus } from '../../../adapters/telemetry/prometheus.ts';
import { breaker, constant, createFetch, dedupe, hedge, retry, trace } from '../../../src/index.ts';
import { silent, stub } from '../../support/call.ts';
import { promtool } from '../../support/prometheus.ts';
import { faults, type Fault } from '../../support/secrets.ts';

const url = 'http://api.example/users/7?page=2';

/** The samples of a metric, by their labels. */
async function samples(registry: Registry, name: string): Promise<Record<string, number>> {
  const lines = (await registry.metrics())
    .split('\n')
    .filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `));
  return Object.fromEntries(
    lines.map((line) => [line.slice(name.length, line.lastIndexOf(' ')), Number(line.split(' ').at(-1))]),
  );
}

describe('prometheus', () => {
  test('measures each request and each call', async () => {
    const registry = new Registry();
    const use = [prometheus({ registry }), retry({ retries: 1, backoff: constant(0) })];
    const { fetch } = stub(use, (attempt) => new Response(null, { status: attempt === 1 ? 503 : 200 }));
    await fetch(url);
    const common = 'http_request_method="GET",server_address="api.example",server_port="80"';
    expect(await samples(registry, 'http_client_request_duration_seconds_count')).toEqual({
      [`{${common},http_response_status_code="503",error_type="503"}`]: 1,
      [`{${common},http_response_status_code="200",error_type=""}`]: 1,
    });
    expect(await samples(registry, 'kyoa_call_duration_seconds_count')).toEqual({
      '{http_request_method="GET",server_address="api.example",outcome="success"}': 1,
    });
    expect(await samples(registry, 'kyoa_retries_total')).toEqual({ '': 1 });
  });

  test('distinguishes failed from aborted calls, and counts the calls in flight', async () => {
    const registry = new Registry();
    const policy = prometheus({ registry });
    const caller = new AbortController();
    const call = createFetch({ use: [policy], fetch: silent })(url, { signal: caller.signal });
    expect(await samples(registry, 'kyoa_calls_in_flight')).toEqual({ '': 1 });
    caller.abort();
    await expect(call).rejects.toThrow('aborted');
    const cause = { code: 'ECONNREFUSED' };
    await stub([policy], () => Promise.reject(new TypeError('fetch failed', { cause })))
      .fetch(url)
      .catch(() => {});
    expect(await samples(registry, 'kyoa_calls_in_flight')).toEqual({ '': 0 });
    expect(Object.keys(await samples(registry, 'kyoa_call_duration_seconds_count')).map(outcome)).toEqual([
      'aborted',
      'failure',
    ]);
    expect(Object.keys(await samples(registry, 'http_client_request_duration_seconds_count')).map(errorTypeOf)).toEqual(
      [
        '', // the aborted one
        'ECONNREFUSED',
      ],
    );
  });

  test('counts no error for the losing copy of a hedge', async () => {
    const registry = new Registry();
    const use = [prometheus({ registry }), hedge({ delay: 0 })];
    const fetch = createFetch({
      use,
      fetch: (input, init) => (ahead ? Promise.resolve(new Response(null)) : ((ahead = true), silent(input, init))),
    });
    let ahead = false;
    await fetch(url);
    await expect
      .poll(async () => Object.keys(await samples(registry, 'http_client_request_duration_seconds_count')))
      .toHaveLength(2);
    const labels = Object.keys(await samples(registry, 'http_client_request_duration_seconds_count'));
    expect(labels.map(errorTypeOf)).toEqual(['', '']);
  });

  test('shows a circuit as open until it closes', async () => {
    const registry = new Registry();
    let status = 500;
    const use = [prometheus({ registry }), breaker({ volume: 1, cooldown: () => 0 })];
    const { fetch } = stub(use, () => new Response(null, { status }));
    await fetch(url);
    expect(await samples(registry, 'kyoa_circuit_open')).toEqual({ '{key="http://api.example"}': 1 });
    status = 200;
    await fetch(url);
    expect(await samples(registry, 'kyoa_circuit_open')).toEqual({ '{key="http://api.example"}': 0 });
    expect(await samples(registry, 'kyoa_circuit_openings_total')).toEqual({ '{key="http://api.example"}': 1 });
  });

  test('starts every series at 0, so that the first event is an increase', async () => {
    const registry = new Registry();
    prometheus({ registry });
    expect((await samples(registry, 'kyoa_retries_abandoned_total'))['{reason="budget"}']).toBe(0);
    expect(await samples(registry, 'kyoa_hedges_total')).toEqual({ '': 0 });
  });

  test('reads the pools at each scrape', async () => {
    const registry = new Registry();
    const stats: Record<string, { connected: number; running: number; queued: number; longestHold: number }> = {
      'http://a.example': { connected: 3, running: 2, queued: 1, longestHold: 1_500 },
    };
    prometheus({ registry, pools: { stats: () => stats, connections: 10 } });
    const of = '{origin="http://a.example"}';
    const read = async (name: string): Promise<unknown> => samples(registry, `kyoa_pool_${name}`);
    expect(await read('connections')).toEqual({ [of]: 3 });
    expect(await read('connections_limit')).toEqual({ [of]: 10 });
    expect(await read('running')).toEqual({ [of]: 2 });
    expect(await read('waiting')).toEqual({ [of]: 1 });
    expect(await read('longest_hold_seconds')).toEqual({ [of]: 1.5 });
    delete stats['http://a.example'];
    expect(await read('running')).toEqual({});
  });

  test('bounds the number of its label values', async () => {
    const registry = new Registry();
    const policy = prometheus({ registry });
    const { fetch } = stub([policy], () => new Response(null));
    for (let n = 0; n < 150; n += 1) await fetch(`http://host-${n}.example:${1_000 + n}/`, { method: `M${n}` });
    const hosts = await samples(registry, 'http_client_request_duration_seconds_count');
    expect(Object.keys(hosts)).toHaveLength(101);
    expect(Object.keys(hosts).at(-1)).toContain('http_request_method="_OTHER",server_address="_OTHER",server_port=""');
  });

  test('passes the check of promtool, and exports no secret, path or id', async () => {
    const registry = new Registry();
    let fault: Fault;
    const pools = { stats: () => ({ 'http://a.example': { connected: 1, running: 1, queued: 0, longestHold: 0 } }) };
    const { fetch } = stub([prometheus({ registry, pools }), dedupe(), breaker(), trace()], async () =>
      fault.respond(),
    );
    for (const plant of faults) {
      fault = plant('s3cr3t');
      await fetch(...fault.call).catch(() => {});
    }
    const text = await registry.metrics();
    expect(promtool(['check', 'metrics'], text)).toBe('');
    expect(text).not.toMatch(/s3cr3t|users|page=/);
  });

  test('does not count a call that switches it off', async () => {
    const registry = new Registry();
    await stub([prometheus({ registry })], () => new Response(null)).fetch(url, { prometheus: false });
    expect(await samples(registry, 'kyoa_call_duration_seconds_count')).toEqual({});
  });

  test.each([
    [{ registry: {} }, /prometheus registry must be/],
    [{ pools: {} }, /pools stats must be a function/],
    [{ pools: { stats: () => ({}), connections: 0 } }, /pools connections must be/],
    [{ prefix: 'x' }, /no option prefix/],
  ])('refuses %j', (options, message) => {
    expect(() => prometheus({ registry: new Registry(), ...options } as never)).toThrow(
      expect.objectContaining({ code: 'INVALID_OPTION', message: expect.stringMatching(message) }),
    );
  });
});

function errorTypeOf(labels: string): string | undefined {
  return /error_type="(\w*)"/.exec(labels)?.[1];
}

function outcome(labels: string): string | undefined {
  return /outcome="(\w+)"/.exec(labels)?.[1];
}
