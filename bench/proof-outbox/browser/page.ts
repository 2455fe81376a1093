/** The page of the app. */
import type { Order } from '../ledger.ts';
import { api, box } from './client.ts';

/** `size`: of the order, bytes. Resolves to the status, or to the error. */
async function press(order: Order, size = 0): Promise<string> {
  const requestId = `${order.from}-${order.lane}-${order.n}`;
  try {
    const json = { ...order, note: noise(size) };
    return String((await api.post(`${location.origin}/orders/${order.lane}`, { json, requestId })).status);
  } catch (error) {
    return error instanceof Error ? error.name : String(error);
  }
}

/** Text that a store cannot compress to nothing. */
function noise(size: number): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(size)), (byte) => (byte % 36).toString(36)).join('');
}

const waits = async (): Promise<string[]> => (await box.waiting()).map(({ id }) => id);

Object.assign(globalThis, { press, waits, ready: navigator.serviceWorker.register('/worker.js', { type: 'module' }) });
