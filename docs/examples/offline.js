/** The page of an order app: what is ordered without a network is sent later, also after a reload. */
import { api, box } from './offline-client.js';

const orders = document.querySelector('#orders');
function show(id, text) {
  const line = document.getElementById(id) ?? Object.assign(document.createElement('li'), { id });
  line.textContent = text;
  orders.append(line);
}

document.querySelector('form').addEventListener('submit', async (event) => {
  event.preventDefault();
  const id = crypto.randomUUID();
  const item = new FormData(event.target).get('item');
  show(id, 'is on its way');
  try {
    const response = await api.post('/api/orders', { json: { id, item }, requestId: id });
    show(id, response.status === 202 ? 'will be sent' : 'has arrived');
  } catch (error) {
    show(id, `was not ordered: ${error.message}`);
  }
});

await navigator.serviceWorker.register('offline-worker.js', { type: 'module' });
for (const { id } of await box.waiting()) show(id, 'will be sent');
for await (const { id, response } of box.settled()) show(id, response?.ok ? 'has arrived' : 'was refused');
