/** The process of the server, which is killed and started again. Its arguments: the port, the ledger, a seed. */
import { createServer } from 'node:http';

import { random } from '../lib/simulate.ts';
import { Ledger, type Faults } from './ledger.ts';

const [port, path, seed] = process.argv.slice(2);
const ledger = new Ledger(random(Number(seed)), path);
process.on('message', (faults: Faults) => (ledger.faults = faults));
process.on('disconnect', () => process.exit());
const server = createServer((request, response) => {
  void ledger.respond(request, response).catch(() => response.destroy()); // the client has gone
  process.send!({ requests: ledger.requests });
});
server.listen(Number(port), '127.0.0.1', () => process.send!('ready'));
