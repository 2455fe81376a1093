/** The service worker of the app: it keeps the page, and sends what waits, as a tab does. */
import { box } from './client.ts';

interface Lasting extends Event {
  waitUntil(work: Promise<unknown>): void;
}
interface Fetching extends Lasting {
  readonly request: Request;
  respondWith(response: Promise<Response>): void;
}
interface Scope {
  skipWaiting(): Promise<void>;
  readonly clients: { claim(): Promise<void> };
  addEventListener(type: 'install' | 'activate', listener: (event: Lasting) => void): void;
  addEventListener(type: 'fetch', listener: (event: Fetching) => void): void;
}

const scope = globalThis as unknown as Scope;
const open = (): Promise<Cache> => caches.open('app');
scope.addEventListener('install', (event) =>
  event.waitUntil(
    Promise.all([scope.skipWaiting(), open().then((cache) => cache.addAll(['/', '/page.js', '/empty']))]),
  ),
);
scope.addEventListener('activate', (event) => event.waitUntil(scope.clients.claim()));
scope.addEventListener('fetch', (event) => {
  if (event.request.method !== 'GET') return;
  event.respondWith(caches.match(event.request).then((response) => response ?? fetch(event.request)));
});
Object.assign(globalThis, { box });
