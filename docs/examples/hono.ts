/** The handler as one route of a Hono app. The other routes do not affect it. */
import { Hono } from 'hono';
import type { KyoaHandler } from 'kyoa';

export function shop(orders: KyoaHandler): Hono {
  const app = new Hono();
  app.get('/', (c) => c.text('open'));
  app.post('/orders', (c) => orders(c.req.raw));
  return app;
}
