import { contract } from './contract.ts';
import { fastifyApp } from './fastify.ts';

contract('Fastify', async (service) => {
  const app = fastifyApp(service);
  return { url: await app.listen({ port: 0, host: '127.0.0.1' }), stop: () => app.close() };
});
