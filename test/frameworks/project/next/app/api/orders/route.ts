import { createHandler, idempotency, limit, timeout } from 'kyoa';
import { file } from 'kyoa/file';

import { catalog } from '../../../catalog';

/** A handler of kyoa is a route handler as it is. The file is for one machine; redis() serves several. */
export const POST = createHandler(
  {
    storage: file(process.env['DATABASE']!),
    use: [limit({ concurrency: 100, key: () => 'orders' }), idempotency(), timeout(10_000)],
  },
  async (request, ctx) => {
    const { product } = (await request.json()) as { readonly product: string };
    const found = await catalog.get(`products/${encodeURIComponent(product)}`, { signal: ctx.signal }).json();
    return Response.json({ id: crypto.randomUUID(), product: found }, { status: 201 });
  },
);
