/** An order has its id as its key. */
import { api } from './kyoa-client.js';

globalThis.press = async (order) => {
  const { status } = await api.post('/orders', { json: order, requestId: order.id });
  return status === 202 ? 'kept' : 'sent';
};
