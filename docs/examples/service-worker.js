/** A service worker: the pages of a site keep their data when its server is down, without a change to the pages. */
import { createFetch, indexeddb, standard, staleIfError } from './kyoa.bundle.js';

const resilient = createFetch({
  storage: indexeddb('shop'),
  use: [staleIfError(), ...standard({ timeout: { total: 10_000 } })],
});

self.addEventListener('install', () => self.skipWaiting());
self.addEventListener('activate', (event) => event.waitUntil(self.clients.claim()));
self.addEventListener('fetch', (event) => {
  const { method, url } = event.request;
  // The browser itself loads all other requests.
  if (method === 'GET' && new URL(url).pathname.startsWith('/api/')) event.respondWith(resilient(event.request));
});
