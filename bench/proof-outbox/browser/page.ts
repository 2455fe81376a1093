/** The page of the app. */
import type { Order } from '../ledger.ts';
import { api, box } from './client.ts';

async function press(order: Order): Promise<string> {
  const requestId = `${order.from}-${order.lane}-${order.n}`;
  try {
    return String((await api.post(`${location.origin}/orders/${order.lane}`, { json: order, requestId })).status);
  } catch (error) {
    return String(error);
  }
}

const waits = async (): Promise<number> => (await box.waiting()).length;

Object.assign(globalThis, { press, waits, ready: navigator.serviceWorker.register('/worker.js', { type: 'module' }) });
