import { getEventListeners } from 'node:events';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { undici, type UndiciFetch } from '../../adapters/transport/undici/undici.ts';
import { createFetch, endpoints, limit, memory, staleIfError, standard, type Middleware } from '../../src/index.ts';
import { noop } from '../../src/lib/noop.ts';
import { responseOf, url } from '../support/http.ts';
import { origin, type Exchange, type Origin } from '../support/origin.ts';
import { gcUntil } from '../support/sockets.ts';

/** An event stream: it has no end, and no limit of time applies to it. */
function events({ response: stream }: Exchange): void {
  stream.writeHead(200, { 'content-type': 'text/event-stream' });
  stream.write('data: 1\n\n');
}

const looks: Record<string, (response: Response) => unknown> = {
  unread: noop,
  'after its body member was read': (response) => response.body!.locked,
  'after it was cloned': (response) => void response.clone(),
  'while its reader waits for nothing': (response) => response.body!.getReader().read(),
};

let signal: AbortSignal; // it lives longer than the calls
let server: Origin;
let transport: UndiciFetch | undefined;

beforeEach(async () => {
  signal = new AbortController().signal;
  server = await origin(events);
});
afterEach(async () => {
  expect(getEventListeners(signal, 'abort')).toHaveLength(0);
  await transport?.destroy();
  transport = undefined;
  await server[Symbol.asyncDispose]();
});

/** Sends ten requests and drops their responses. A function of its own, because the frame of a test would hold them. */
async function dropTen(use: readonly Middleware[], look: (response: Response) => unknown = noop): Promise<void> {
  const fetch = createFetch({ use, ...(transport && { fetch: transport }) });
  const drop = async (): Promise<void> => void (await look(await fetch(server.url, { signal })));
  await Promise.all(Array.from({ length: 10 }, drop));
}

const lookNames = Object.keys(looks);

describe.each(['the global fetch', 'undici()'])(
  'a response of %s that is dropped under a signal that lives on',
  (name) => {
    beforeEach(() => {
      if (name === 'undici()') transport = undici();
    });

    test.for(lookNames)('gives its permit and its listener back, %s', async (look) => {
      const policy = limit({ concurrency: 10 });
      const running = (): number => Object.values(policy.snapshot())[0]!.running;
      await dropTen([...standard({ dedupe: false }), policy], looks[look]);
      expect(running()).toBe(10);
      await gcUntil(() => running() === 0);
    });

    test('gives its connection back', async () => {
      await dropTen([]);
      expect(server.exchanges.map(({ state }) => state)).toEqual(Array.from({ length: 10 }, () => 'open'));
      await gcUntil(() => server.exchanges.every(({ state }) => state === 'cut'));
    });

    test('is no longer counted by its endpoint', async () => {
      const policy = endpoints([{ url: server.url }]);
      await dropTen([policy]);
      expect(policy.snapshot()).toMatchObject([{ inFlight: 10 }]);
      await gcUntil(() => policy.snapshot()[0]!.inFlight === 0);
    });
  },
);

test('a stored response that is dropped gives its permit and its listener back', async () => {
  const policy = limit({ concurrency: 1 });
  const replies = [responseOf(200), responseOf(500)];
  const fetch = createFetch({ use: [policy, staleIfError()], storage: memory(), fetch: async () => replies.shift()! });
  const drop = async (): Promise<string | null> => (await fetch(url, { signal })).headers.get('warning');
  expect(await (await fetch(url)).text()).toBe('status 200');
  expect(await drop()).toContain('111');
  await gcUntil(() => Object.values(policy.snapshot())[0]!.running === 0);
});
