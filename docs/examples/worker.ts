/** A Cloudflare Worker that takes orders once each, also when a repeat arrives in another place. */
import { env, waitUntil } from 'cloudflare:workers';
import { createHandler, idempotency } from 'kyoa';

import { durableObject, Entries } from './durable-object.ts';

export { Entries }; // a Worker exports the classes of its Durable Objects

const handle = createHandler(
  { storage: durableObject(env['ENTRIES']!, 'orders'), background: waitUntil, use: [idempotency({ required: true })] },
  async (request) => {
    const { item } = (await request.json()) as { item: string };
    return Response.json({ id: crypto.randomUUID(), item }, { status: 201 });
  },
);

export default { fetch: handle };
