import fastify from 'fastify';
import kyoa from 'kyoa';

const api = kyoa.create({ baseUrl: 'https://jsonplaceholder.typicode.com/' });
const app = fastify();

app.get('/users/:id', (request) => api.get(`users/${encodeURIComponent(request.params.id)}`).json());

await app.listen({ port: 3000 });
