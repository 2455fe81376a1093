import { createHeaders, createRequest } from '@remix-run/node-fetch-server';
import fastify from 'fastify';

import { closeIdleConnections, passedOn, statusOf, whileConnected, type Service } from './service.ts';

export function fastifyApp(service: Service) {
  const app = fastify();

  // A handler of kyoa reads the body itself: its routes have a scope without Fastify's parsers.
  app.register(async (scope) => {
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser('*', (_request, _payload, done) => done(null));
    // Fastify sends a Response as it is, with its own hooks, log and error handler.
    scope.post('/orders', (request, reply) => service.orders(createRequest(request.raw, reply.raw)));
    scope.post('/imports', (request, reply) => service.imports(createRequest(request.raw, reply.raw)));
  });

  app.get<{ Params: { id: string } }>('/products/:id', (request, reply) => {
    // Not request.signal: it aborts when a body has been read.
    const options = passedOn(createHeaders(request.raw), whileConnected(reply.raw));
    return service.catalog.get(`products/${encodeURIComponent(request.params.id)}`, options).json();
  });

  app.post('/quotes', (request, reply) => {
    const options = passedOn(createHeaders(request.raw), whileConnected(reply.raw));
    return service.catalog.post('quotes', { ...options, json: request.body }).json();
  });

  app.get('/ready', (_, reply) => reply.code(service.ready() ? 200 : 503).send());
  app.get('/numbers', () => service.numbers());

  app.setErrorHandler((error, _, reply) => {
    const status = (error as { statusCode?: number }).statusCode ?? statusOf(error);
    if (status === 500) console.error(error);
    return reply.code(status).send({ status });
  });
  app.addHook('preClose', async () => closeIdleConnections(app.server));
  app.addHook('onClose', () => service.close()); // after the last response
  return app;
}
