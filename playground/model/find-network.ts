/** Finds the network of the page: the flaky server if it served the page, otherwise one that is simulated in the page. */
import { indexeddb } from 'kyoa/indexeddb';
import type { Network } from '../network/network.ts';
import { findServer } from '../network/server-network.ts';
import type { Settings } from '../network/settings.ts';
import { simulatedNetwork } from '../network/simulated-network.ts';

export async function findNetwork(settings: Settings): Promise<Network> {
  const origin = new URL('.', document.baseURI).href.replace(/\/$/, '');
  const isServed = document.documentElement.dataset['network'] === 'server';
  return (
    (isServed ? await findServer(origin) : undefined) ??
    simulatedNetwork({ settings, storage: indexeddb('kyoa-playground-server') })
  );
}
