/** The upstream of `bench/throughput.ts`, in a process of its own: a short piece of JSON at once, for every path. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

const body = JSON.stringify({ id: 42, name: 'Ada Lovelace', email: 'ada@api.example' });
const headers = { 'content-type': 'application/json', 'content-length': body.length };

const server = createServer((_request, answer) => answer.writeHead(200, headers).end(body));
server.keepAliveTimeout = 60_000;
server.listen(0, '127.0.0.1', () => process.send!(`http://127.0.0.1:${(server.address() as AddressInfo).port}`));
process.on('disconnect', () => process.exit());
