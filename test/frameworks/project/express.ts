import { once } from 'node:events';
import type { Server } from 'node:http';

import { createHeaders, createRequestListener } from '@remix-run/node-fetch-server';
import express, { type ErrorRequestHandler } from 'express';

import { closeIdleConnections, passedOn, statusOf, whileConnected, type Service } from './service.ts';

export function expressApp(service: Service) {
  const app = express();

  // A handler of kyoa reads the body itself: its route comes before express.json().
  app.post('/orders', createRequestListener(service.orders));
  app.post('/imports', createRequestListener(service.imports));

  app.use(express.json());

  app.get('/products/:id', async (req, res) => {
    const options = passedOn(createHeaders(req), whileConnected(res));
    res.json(await service.catalog.get(`products/${encodeURIComponent(req.params.id)}`, options).json());
  });

  app.post('/quotes', async (req, res) => {
    const options = passedOn(createHeaders(req), whileConnected(res));
    res.json(await service.catalog.post('quotes', { ...options, json: req.body }).json());
  });

  app.get('/ready', (_, res) => void res.sendStatus(service.ready() ? 200 : 503));
  app.get('/numbers', (_, res) => void res.json(service.numbers()));

  const onError: ErrorRequestHandler = (error, _, res, next) => {
    if (res.headersSent) {
      next(error); // Express closes the connection
      return;
    }
    const status = error.status ?? statusOf(error); // of express.json(), or of kyoa
    if (status === 500) console.error(error);
    res.status(status).json({ status });
  };
  app.use(onError);
  return app;
}

/** Resolves when the last response has been sent, and nothing is open any more. */
export async function stop(server: Server, service: Service) {
  server.close();
  closeIdleConnections(server);
  await once(server, 'close');
  await service.close();
}
