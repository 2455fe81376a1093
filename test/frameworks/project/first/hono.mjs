import { serve } from '@hono/node-server';
import { Hono } from 'hono';
import kyoa from 'kyoa';

const api = kyoa.create({ baseUrl: 'https://jsonplaceholder.typicode.com/' });
const app = new Hono();

app.get('/users/:id', async (c) => {
  return c.json(await api.get(`users/${encodeURIComponent(c.req.param('id'))}`).json());
});

serve({ fetch: app.fetch, port: 3000 });
