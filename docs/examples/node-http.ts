/** A handler on Node's own http server, through a bridge from fetch: @hono/node-server. */
import type { Server } from 'node:http';
import { serve } from '@hono/node-server';

export function listen(handle: (request: Request) => Response | Promise<Response>, port: number): Server {
  return serve({ fetch: (request) => handle(request), port, hostname: '127.0.0.1' }) as Server;
}
