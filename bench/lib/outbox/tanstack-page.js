/** As in the README of @tanstack/offline-transactions. */
import './environment.js';
import { createCollection, localOnlyCollectionOptions } from '@tanstack/db';
import { NonRetriableError, startOfflineExecutor } from '@tanstack/offline-transactions';

const orders = createCollection(localOnlyCollectionOptions({ id: 'orders', getKey: ({ id }) => id }));
const executor = startOfflineExecutor({
  collections: { orders },
  mutationFns: {
    async send({ transaction, idempotencyKey }) {
      for (const { modified } of transaction.mutations) {
        const headers = { 'content-type': 'application/json', 'idempotency-key': idempotencyKey };
        const { status } = await fetch('/orders', { method: 'POST', headers, body: JSON.stringify(modified) });
        if (status === 400) throw new NonRetriableError('The order was refused');
        if (status >= 400) throw new Error(`status ${status}`);
      }
    },
  },
});

globalThis.press = async (order) => {
  await executor.waitForInit();
  const options = { mutationFnName: 'send', autoCommit: false, idempotencyKey: order.id };
  const transaction = executor.createOfflineTransaction(options);
  transaction.mutate(() => orders.insert(order));
  const committed = transaction.commit().then(() => 'sent');
  if (!executor.isOfflineEnabled) return committed; // another tab is the leader
  const kept = (async () => {
    for (;;) {
      const waiting = await executor.peekOutbox();
      if (waiting.some(({ idempotencyKey }) => idempotencyKey === order.id)) break;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    return Promise.race([committed, new Promise((resolve) => setTimeout(() => resolve('kept'), 2_000))]);
  })();
  return Promise.race([committed, kept]);
};
