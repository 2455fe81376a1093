/** As in developer.chrome.com/docs/workbox/modules/workbox-background-sync, "Advanced usage"; the page gets a 202 for what was kept. */
import './environment.js';
import './shell.js';
import { Queue } from 'workbox-background-sync';

const queue = new Queue('orders');
const send = async (request) => {
  try {
    return await fetch(request.clone());
  } catch {
    await queue.pushRequest({ request });
    return new Response(null, { status: 202 });
  }
};
self.addEventListener('fetch', (event) => {
  if (event.request.method === 'POST') event.respondWith(send(event.request));
});
