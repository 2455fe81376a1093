/** One release of a service in one region, in a process of its own. It says which it is. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

if (import.meta.main) {
  const [release, region] = process.argv.slice(2);
  const server = createServer((request, response) => {
    request.resume().on('end', () => {
      response.setHeader('content-type', 'application/json').end(JSON.stringify({ release, region }));
    });
  });
  server.listen({ port: 0, host: '127.0.0.1' }, () => {
    process.send!(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  });
  process.on('disconnect', () => process.exit());
}
