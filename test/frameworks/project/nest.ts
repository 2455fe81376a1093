import 'reflect-metadata';
import { createHeaders, createRequestListener } from '@remix-run/node-fetch-server';
import {
  Body,
  Catch,
  Controller,
  Get,
  HttpCode,
  Inject,
  Module,
  Param,
  Post,
  Req,
  Res,
  type ArgumentsHost,
  type BeforeApplicationShutdown,
  type ExceptionFilter,
  type MiddlewareConsumer,
  type NestModule,
  type OnApplicationShutdown,
} from '@nestjs/common';
import { BaseExceptionFilter, HttpAdapterHost, NestFactory } from '@nestjs/core';
import express, { type Request as ExpressRequest, type Response as ExpressResponse } from 'express';

import { closeIdleConnections, passedOn, statusOf, whileConnected, type Order, type Service } from './service.ts';

const SERVICE = Symbol('the service');

@Controller()
class ShopController {
  readonly #service: Service;

  constructor(@Inject(SERVICE) service: Service) {
    this.#service = service;
  }

  @Post('orders')
  order(@Req() req: ExpressRequest, @Res() res: ExpressResponse) {
    createRequestListener(this.#service.orders)(req, res);
  }

  @Post('imports')
  import(@Req() req: ExpressRequest, @Res() res: ExpressResponse) {
    createRequestListener(this.#service.imports)(req, res);
  }

  @Get('products/:id')
  product(@Param('id') id: string, @Req() req: ExpressRequest) {
    const options = passedOn(createHeaders(req), whileConnected(req.res!));
    return this.#service.catalog.get(`products/${encodeURIComponent(id)}`, options).json();
  }

  @Post('quotes')
  @HttpCode(200)
  quote(@Body() order: Order, @Req() req: ExpressRequest) {
    const options = passedOn(createHeaders(req), whileConnected(req.res!));
    return this.#service.catalog.post('quotes', { ...options, json: order }).json();
  }

  @Get('ready')
  ready(@Res() res: ExpressResponse) {
    res.sendStatus(this.#service.ready() ? 200 : 503);
  }

  @Get('numbers')
  numbers() {
    return this.#service.numbers();
  }
}

/** What a call of kyoa failed with. All other errors are Nest's. */
@Catch()
class CallFailures extends BaseExceptionFilter implements ExceptionFilter {
  override catch(error: unknown, host: ArgumentsHost) {
    const res = host.switchToHttp().getResponse<ExpressResponse>();
    const status = statusOf(error);
    if (status === 500 || res.headersSent) super.catch(error, host);
    else res.status(status).json({ status });
  }
}

@Module({})
class ShopModule implements NestModule, BeforeApplicationShutdown, OnApplicationShutdown {
  readonly #service: Service;
  readonly #adapter: HttpAdapterHost;

  constructor(@Inject(SERVICE) service: Service, adapter: HttpAdapterHost) {
    this.#service = service;
    this.#adapter = adapter;
  }

  static with(service: Service) {
    return { module: ShopModule, controllers: [ShopController], providers: [{ provide: SERVICE, useValue: service }] };
  }

  // A handler of kyoa reads the body itself: its routes have no parser.
  configure(consumer: MiddlewareConsumer) {
    consumer.apply(express.json()).exclude('orders', 'imports').forRoutes('{*path}');
  }

  beforeApplicationShutdown() {
    closeIdleConnections(this.#adapter.httpAdapter.getHttpServer());
  }

  // Nest has closed its server by now.
  onApplicationShutdown() {
    return this.#service.close();
  }
}

export async function nestApp(service: Service) {
  const app = await NestFactory.create(ShopModule.with(service), { bodyParser: false, logger: ['error', 'fatal'] });
  app.useGlobalFilters(new CallFailures(app.get(HttpAdapterHost).httpAdapter));
  app.enableShutdownHooks(); // SIGTERM closes the server, then the service
  return app;
}
