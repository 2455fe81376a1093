/** A handler that places an order once for a key, on any server that uses fetch types. */
import { createHandler, idempotency, type KyoaHandler, type Storage } from 'kyoa';

export function orders(storage: Storage, place: (item: string) => Promise<number>): KyoaHandler {
  return createHandler({ storage, use: [idempotency({ required: true })] }, async (request) => {
    const { item } = (await request.json()) as { item: string };
    const id = await place(item);
    return Response.json({ id, item }, { status: 201, headers: { location: `/orders/${id}` } });
  });
}
