/** The service worker of an order app: it has the page without a network, and sends what waits when the browser wakes it. */
import { box } from './offline-client.js'; // this outbox listens for the sync event

const files = ['offline.html', 'offline.js'];

self.addEventListener('install', (event) => {
  event.waitUntil(caches.open('app').then((cache) => cache.addAll(files)));
});
self.addEventListener('activate', (event) => event.waitUntil(box.flush()));
self.addEventListener('fetch', (event) => {
  if (event.request.method !== 'GET') return; // an order goes its own way
  event.respondWith(fetch(event.request).catch(() => caches.match(event.request)));
});
