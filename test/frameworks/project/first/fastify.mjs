import fastify from 'fastify';
import kyoa, { isHTTPError } from 'kyoa';

const api = kyoa.create({ baseUrl: 'https://jsonplaceholder.typicode.com/' });
const app = fastify({ logger: true });

app.get('/users/:id', (request) => api.get(`users/${encodeURIComponent(request.params.id)}`).json());

app.setErrorHandler((error, request, reply) => {
  if (isHTTPError(error) && error.response.status === 404) return reply.code(404).send({ error: 'not found' });
  request.log.error(error); // its message names the hosts of other services: it is for the log alone
  return reply.code(error.statusCode ?? 500).send({ error: 'not available' });
});

await app.listen({ port: 3000 });
