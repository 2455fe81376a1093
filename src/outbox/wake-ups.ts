/** The events and timers after which an outbox tries again: there may be a network. */
import { afterUnref, type Timer } from '../core/engine/timers.ts';
import { noop } from '../lib/noop.ts';

/** The outbox looks at the storage at this interval, ms: another tab may have been closed with requests that wait. */
const lookInterval = 30_000;

/** Background Sync, which Chromium has: the browser wakes the service worker when there is a network, also without a page. */
interface SyncManager {
  register(tag: string): Promise<void>;
}
interface Registration {
  readonly sync?: SyncManager | undefined;
}
interface SyncEvent extends Event {
  readonly tag: string;
  waitUntil(work: Promise<unknown>): void;
}

/** Whether the platform knows that there is no network. That there is one it cannot know. */
export function isOffline(): boolean {
  const { navigator } = globalThis as { readonly navigator?: { readonly onLine?: boolean } };
  return navigator?.onLine === false;
}

export interface Wakes {
  /** There may be a network again. */
  readonly online: () => void;
  /** Some time has passed. */
  readonly look: () => void;
  /** The browser waits for this. It tries again later if the promise rejects. */
  readonly sync: () => Promise<void>;
}

/** Returns a function that ends it. */
export function listen(tag: string, { online, look, sync }: Wakes): () => void {
  const target = globalThis as Partial<Pick<typeof globalThis, 'addEventListener' | 'removeEventListener'>>;
  const page = globalThis.document as Document | undefined;
  const visible = (): void => {
    if (page?.visibilityState === 'visible') online();
  };
  const synced = (event: Event): void => {
    if ((event as SyncEvent).tag === tag) (event as SyncEvent).waitUntil(sync());
  };
  const isServiceWorker = 'ServiceWorkerGlobalScope' in globalThis;
  target.addEventListener?.('online', online);
  page?.addEventListener('visibilitychange', visible);
  if (isServiceWorker) target.addEventListener?.('sync', synced);

  let timer: Timer;
  const tick = (): void => {
    timer = afterUnref(lookInterval, () => {
      look();
      tick();
    });
  };
  tick();
  return () => {
    clearTimeout(timer);
    target.removeEventListener?.('online', online);
    page?.removeEventListener('visibilitychange', visible);
    target.removeEventListener?.('sync', synced);
  };
}

/** Asks the browser to wake the service worker when there is a network. Without a service worker, or elsewhere, nothing happens. */
export async function requestSync(tag: string): Promise<void> {
  const { navigator, registration } = globalThis as {
    readonly navigator?: { readonly serviceWorker?: { getRegistration(): Promise<Registration | undefined> } };
    readonly registration?: Registration;
  };
  const own = registration ?? (await navigator?.serviceWorker?.getRegistration().catch(noop));
  await own?.sync?.register(tag).catch(noop); // the user may have forbidden it
}
