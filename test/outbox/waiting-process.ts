/** A process that keeps a request and has nothing else to do. */
import { createFetch } from '../../src/index.ts';
import { outbox } from '../../src/outbox.ts';

const box = outbox();
const api = createFetch({ use: [box] });
const { status } = await api(process.argv[2]!, { method: 'POST', body: 'one' });
if (status !== 202 || (await box.waiting()).length !== 1) process.exit(1);
process.disconnect?.();
