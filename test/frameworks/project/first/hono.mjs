import { serve } from '@hono/node-server';
import { Hono } from 'hono';
import kyoa, { isHTTPError } from 'kyoa';

const api = kyoa.create({ baseUrl: 'https://jsonplaceholder.typicode.com/' });
const app = new Hono();

app.get('/users/:id', async (c) => {
  return c.json(await api.get(`users/${encodeURIComponent(c.req.param('id'))}`).json());
});

app.onError((error, c) => {
  if (isHTTPError(error) && error.response.status === 404) return c.json({ error: 'not found' }, 404);
  console.error(error); // its message names the hosts of other services: it is for the log alone
  return c.json({ error: 'not available' }, 500);
});

serve({ fetch: app.fetch, port: 3000 });
