/** A server of a region, as a process of its own that `drill.ts` can kill: `node regional-server.ts eu 8080`. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

const [zone, port] = process.argv.slice(2);
const server = createServer((_, response) => void setTimeout(() => response.end(JSON.stringify({ zone })), 10));
server.listen(Number(port), '127.0.0.1', () => process.send?.((server.address() as AddressInfo).port));
process.once('disconnect', () => process.exit());
