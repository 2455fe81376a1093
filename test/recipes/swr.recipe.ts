import kyoa from 'kyoa';
import type { SWRConfiguration } from 'swr';

const api = kyoa.create({ baseUrl: 'https://api.example.com/' });

// For `<SWRConfig value={...}>`.
const configuration = (users = api): SWRConfiguration => ({
  fetcher: (path: string) => users.get(path, { dedupe: false }).json(), // SWR shares requests itself
  shouldRetryOnError: false, // or both would retry, and SWR without end
});

/** SWR runs in a document, which is happy-dom's here. Its fetch is Node's. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';

import { Window } from 'happy-dom';
import { createElement, type FunctionComponent } from 'react';

import { json, loopback, type Loopback } from './loopback.ts';

const window = new Window({ url: 'https://shop.example.com/' });
const { navigator } = window;
for (const verb of ['addEventListener', 'removeEventListener'] as const)
  Object.assign(globalThis, { [verb]: window[verb].bind(window) });
Object.assign(globalThis, { window, document: window.document, IS_REACT_ACT_ENVIRONMENT: false });
Object.defineProperty(globalThis, 'navigator', { value: navigator, configurable: true });
after(() => window.happyDOM.close());

const { createRoot } = await import('react-dom/client');
const { default: useSWR, SWRConfig } = await import('swr');

const quick = (baseUrl: string) => kyoa.create({ baseUrl, retry: { backoff: () => 0 } });

let revalidate: () => Promise<unknown>;

/** Renders components that show a user, until `isDone` is true for what they show. */
async function shown(
  value: SWRConfiguration,
  isDone: (text: string) => boolean,
  components = 1,
): Promise<AsyncDisposable & { readonly text: () => string }> {
  const Name: FunctionComponent = () => {
    const { data, error, mutate } = useSWR<{ name: string }, Error>('users/1');
    revalidate = mutate;
    return createElement('p', null, error?.name ?? data?.name ?? '...');
  };
  const container = document.createElement('div');
  const root = createRoot(container);
  const provider = () => new Map();
  const names = Array.from({ length: components }, (_, key) => createElement(Name, { key }));
  root.render(createElement(SWRConfig, { value: { provider, ...value } }, ...names));
  await until(() => isDone(container.textContent));
  return {
    text: () => container.textContent,
    async [Symbol.asyncDispose]() {
      root.unmount();
      await new Promise(setImmediate);
    },
  };
}

async function until(isTrue: () => boolean): Promise<void> {
  while (!isTrue()) await new Promise((resolve) => void setTimeout(resolve, 5));
}

const down = (): Promise<Loopback> => loopback((_, response) => json(response, {}, 503));

test('with the retries of both, a server that is down gets 16 requests', async () => {
  await using server = await down();
  const { shouldRetryOnError: _, ...both } = configuration(quick(server.url));
  await using _page = await shown(
    { ...both, errorRetryInterval: 1, errorRetryCount: 3 },
    (text) => text === 'HTTPError',
  );
  await until(() => server.seen.length >= 16);
  await new Promise((resolve) => void setTimeout(resolve, 100));
  assert.equal(server.seen.length, 16);
});

test('without those of SWR it gets 4, and the component the error', async () => {
  await using server = await down();
  await using page = await shown(configuration(quick(server.url)), (text) => text === 'HTTPError');
  assert.equal(page.text(), 'HTTPError');
  assert.equal(server.seen.length, 4);
});

for (const [title, dedupe, expected] of [
  ['a revalidation after a mutation is a request of its own', false, 'new'],
  ["with kyoa's `dedupe` it shares the request from before the mutation", true, 'old'],
] as const)
  test(title, async () => {
    let name = 'old';
    const held: (() => void)[] = [];
    await using server = await loopback((_, response) => {
      const body = { name };
      held.push(() => json(response, body));
    });
    const users = kyoa.create({ baseUrl: server.url, retry: 0, timeout: false });
    const { fetcher, ...others } = configuration(users);
    let fetches = 0;
    const counted = (path: string): unknown => {
      fetches += 1;
      return dedupe ? users.get(path).json() : fetcher!(path);
    };
    await using page = await shown({ ...others, fetcher: counted }, (text) => text === '...');
    await server.arrived();
    name = 'new'; // the mutation
    void revalidate();
    await until(() => fetches === 2);
    if (!dedupe) await server.arrived(2);
    for (const respond of held) respond();
    await until(() => page.text() !== '...');
    assert.equal(page.text(), expected);
  });

test('two components share a request, which survives a 503 and a reset', async () => {
  await using server = await loopback((_, response) => json(response, { name: 'Ada' }));
  server.trouble(503, 'reset');
  await using _page = await shown(configuration(quick(server.url)), (text) => text === 'AdaAda', 2);
  assert.equal(server.seen.length, 3);
});
