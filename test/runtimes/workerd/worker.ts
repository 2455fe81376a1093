/** A Worker with clients at module level, as applications have them. Each path is one thing that a check needs. */
import kyoa, {
  budget,
  createFetch,
  createHandler,
  dedupe,
  hedge,
  idempotency,
  latest,
  limit,
  memory,
  standard,
  timeout,
  type Storage,
} from 'kyoa';
import * as events from 'kyoa/events';
import * as indexeddb from 'kyoa/indexeddb';
import * as opentelemetry from 'kyoa/opentelemetry';
import * as policy from 'kyoa/policy';
import { storageContract, type Clause } from 'kyoa/testing';
import { waitUntil, type DurableObjectNamespace } from 'cloudflare:workers';

import { durableObject, Entries } from '../../../docs/examples/durable-object.ts';

import example from '../../../docs/examples/worker.ts';

export { Entries };

/** All that isomorphic entry points export, so that a bundler keeps all of it in the global scope. */
const imported = { events, indexeddb, opentelemetry, policy };

/** What the types of Workers declare. */
interface Environment {
  readonly UPSTREAM: string;
  readonly ENTRIES: DurableObjectNamespace<Entries>;
}
interface ExecutionContext {
  waitUntil(work: Promise<unknown>): void;
}
interface Call {
  readonly env: Environment;
  /** What the upstream is asked for. */
  readonly url: URL;
  readonly params: URLSearchParams;
  readonly request: Request;
  readonly context: ExecutionContext;
}

/** A storage that takes its time, as one behind a network does. */
const entries = memory();
const storage: Storage = {
  ...entries,
  get: (key) => pause().then(() => entries.get(key)),
  set: (key, value, options) => pause().then(() => entries.set(key, value, options)),
};

function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 10));
}

const standardFetch = createFetch({ use: standard() });
const recording = createFetch({ use: standard(), storage });
const keeping = createFetch({ use: standard(), storage, background: waitUntil });
const hedged = createFetch({ use: [hedge({ delay: 50 })] });
const scarce = createFetch({ use: [hedge({ delay: 20, budget: budget({ ratio: 0.5, floor: 0 }) })] });
const deduped = createFetch({ use: [dedupe()] });
const limited = createFetch({ use: [limit({ concurrency: 1 })] });
const rated = createFetch({ use: [limit({ rate: { count: 2, window: 200 } })] });
const newest = createFetch({ use: [latest({ key: () => 'search' })] });
const impatient = createFetch({ use: [timeout(60_000)] });
const orders = createHandler({ use: [idempotency({ conflict: 'wait' })] }, async (request) => {
  const placed = await standardFetch(request.url, { method: 'POST', body: await request.text(), retry: false });
  return Response.json({ placed: await placed.text() }, { status: 201 });
});

const text = async (response: Response | Promise<Response>): Promise<Response> =>
  new Response(await (await response).text());

async function brokenClauses(clauses: readonly Clause[]): Promise<Response> {
  const broken: string[] = [];
  for (const { name, run } of clauses) {
    await run().catch((error: unknown) => broken.push(`${name}: ${String(error)}`));
  }
  return Response.json(broken);
}

const routes: Readonly<Record<string, (call: Call) => Response | Promise<Response>>> = {
  '/standard': ({ url }) => text(standardFetch(url)),
  '/passed-on': ({ url }) => standardFetch(url),
  '/client': ({ url }) => text(kyoa.get(url.href)),
  '/post': async ({ url }) => Response.json(await kyoa.post(url.href, { json: { a: 1 } }).json()),
  '/hedge': ({ url }) => text(hedged(url)),
  '/hedge-scarce': ({ url }) => text(scarce(url)),
  '/dedupe': ({ url }) => text(deduped(url)),
  '/limit': ({ url }) => text(limited(url)),
  '/limit-passed-on': ({ url }) => limited(url),
  '/limit-wrapped': async ({ url }) => {
    const response = await limited(url);
    return new Response(response.body, response);
  },
  '/rate': ({ url }) => text(rated(url)),
  '/latest': ({ url }) => text(newest(url)),
  '/recorded': ({ url }) => text(recording(url)),
  '/recorded-by-call': ({ url, context }) => text(recording(url, { background: (work) => context.waitUntil(work) })),
  '/recorded-by-module': ({ url }) => text(keeping(url)),
  '/history': async ({ url }) =>
    new Response((await entries.get(`latency headers GET ${url.origin}${url.pathname}`))?.value ?? 'none'),
  '/imported': () => Response.json(Object.values(imported).flatMap((names) => Object.keys(names))),
  '/orders': ({ url, request }) => orders(new Request(url, request)),
  '/timeout': async ({ url, params }) => {
    const limit = Number(params.get('limit'));
    // A timer of the platform, because a busy machine runs all timers late.
    const due = new Promise((resolve) => setTimeout(resolve, limit)).then(() => Date.now());
    const error: unknown = await impatient(url, { timeout: limit }).catch((error) => error);
    const late = Date.now() - (await due);
    return Response.json({ name: error instanceof Error ? error.name : 'none', late });
  },
  '/example': ({ request }) => example.fetch(request),
  '/contract': () => brokenClauses(storageContract(() => memory(), { shared: false })),
  '/contract-object': ({ env }) => brokenClauses(storageContract(() => durableObject(env.ENTRIES, 'contract'))),
};

export default {
  async fetch(request: Request, env: Environment, context: ExecutionContext): Promise<Response> {
    const { pathname, searchParams: params } = new URL(request.url);
    const route = routes[pathname];
    if (route === undefined) return new Response('No such path', { status: 404 });
    try {
      return await route({ url: new URL(params.get('to') ?? '/', env.UPSTREAM), params, request, context, env });
    } catch (error) {
      return new Response(String((error as Error).stack), { status: 500 });
    }
  },
};
