/** Runs one fault to its end and returns its outcome, in Node and in a page. */
import type { Fault, Kind } from './table.ts';

/** The addresses of a fault server, which the server object has too. */
export interface Origins {
  readonly origin: string;
  readonly refused: string;
  readonly tlsStall: string;
  readonly control: string;
}

export interface Outcome {
  readonly kind: Kind;
  readonly status?: number;
  /** The length of the body that arrived. */
  readonly bytes?: number;
  readonly error?: unknown;
}

/** Resolves to the outcome. A fetch that hangs is aborted once the server reports that it will not complete the response. */
export async function outcome(
  fault: Fault,
  origins: Origins,
  fetch: typeof globalThis.fetch = globalThis.fetch,
): Promise<Outcome> {
  if (fault.before !== undefined) await warm(origins.origin + fault.before, fetch);

  const hung = new DOMException('It hangs', 'AbortError');
  const controller = new AbortController();
  const watch = watchFor(fault, origins);
  let headersCame = (): void => {};
  const headers = new Promise<void>((resolve) => (headersCame = resolve));
  void watch.hanging.then(async ({ headSent }) => {
    if (headSent) await headers;
    controller.abort(hung);
  });

  let response: Response | undefined;
  try {
    response = await fetch(origins[fault.at ?? 'origin'] + fault.path, {
      signal: controller.signal,
      method: fault.method ?? 'GET',
      body: fault.upload === undefined ? null : new Uint8Array(fault.upload),
    });
    headersCame();
    const { status } = response;
    const bytes = (await response.arrayBuffer()).byteLength;
    return { kind: bytes < (fault.bytes ?? 0) ? 'silently short' : 'response', status, bytes };
  } catch (error) {
    if (response === undefined) return { kind: error === hung ? 'hangs before headers' : 'error', error };
    return { kind: error === hung ? 'hangs in body' : 'error in body', status: response.status, error };
  } finally {
    watch.stop();
  }
}

/** Leaves an idle connection. undici reuses a connection one turn of the event loop after the response on it ended. */
async function warm(url: string, fetch: typeof globalThis.fetch): Promise<void> {
  const response = await fetch(url);
  await response.arrayBuffer();
  await new Promise((resolve) => setTimeout(resolve));
}

interface Watch {
  /** Whether the head was sent, once the server does nothing more. Never settles if that does not happen. */
  readonly hanging: Promise<{ headSent: boolean }>;
  stop(): void;
}

function watchFor(fault: Fault, { control }: Origins): Watch {
  const controller = new AbortController();
  const what = fault.at === 'tlsStall' ? '/handshake' : `/until?state=hanging&url=${encodeURIComponent(fault.path)}`;
  const hanging = fetch(control + what, { signal: controller.signal })
    .then((response) => response.json())
    .then((found) => ({ headSent: (found as [{ headSent: boolean }?])[0]?.headSent ?? false }))
    .catch(() => new Promise<never>(() => {}));
  return { hanging, stop: () => controller.abort() };
}
