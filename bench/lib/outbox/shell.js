/** A service worker that has the page without a network. */
self.addEventListener('install', (event) => {
  const filled = caches.open('app').then((cache) => cache.addAll(['/', '/page.js', '/empty']));
  event.waitUntil(Promise.all([filled, self.skipWaiting()]));
});
self.addEventListener('activate', (event) => event.waitUntil(self.clients.claim()));
self.addEventListener('fetch', (event) => {
  if (event.request.method === 'GET')
    event.respondWith(caches.match(event.request).then((found) => found ?? fetch(event.request)));
});
