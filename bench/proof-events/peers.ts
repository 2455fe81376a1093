/** The packages that read event streams in Node, each as its documentation shows it. */
import type { Reader } from './readers.ts';

interface Peer {
  readonly packages: readonly string[];
  make(): Promise<Reader>;
}

interface Message {
  readonly data: string;
}

/** A package that need not be installed has no types here. */
const load = async (name: string): Promise<never> => (await import(name)) as never;

export const peers: Readonly<Record<string, Peer>> = {
  eventsource: {
    packages: ['eventsource'],
    async make() {
      const { EventSource }: { EventSource: typeof globalThis.EventSource } = await load('eventsource');
      return (url, receive) =>
        new Promise((resolve) => {
          const source = new EventSource(url);
          source.addEventListener('message', ({ data }: MessageEvent<string>) => {
            if (receive(data)) return;
            source.close();
            resolve();
          });
        });
    },
  },
  'eventsource-client': {
    packages: ['eventsource-client'],
    async make() {
      interface Client extends AsyncIterable<Message> {
        close(): void;
      }
      const { createEventSource }: { createEventSource: (url: string) => Client } = await load('eventsource-client');
      return async (url, receive) => {
        const client = createEventSource(url);
        for await (const { data } of client) if (!receive(data)) break;
        client.close();
      };
    },
  },
  'fetch-event-source': {
    packages: ['@microsoft/fetch-event-source'],
    async make() {
      interface Options {
        readonly signal: AbortSignal;
        readonly openWhenHidden: boolean;
        onmessage(message: Message): void;
        onclose(): void;
      }
      const { fetchEventSource }: { fetchEventSource: (url: string, options: Options) => Promise<void> } = await load(
        '@microsoft/fetch-event-source',
      );
      return async (url, receive) => {
        // It is for pages.
        const document = { hidden: false, addEventListener() {}, removeEventListener() {} };
        Object.assign(globalThis, { window: globalThis, document });
        const controller = new AbortController();
        await fetchEventSource(url, {
          signal: controller.signal,
          openWhenHidden: true,
          onmessage: ({ data }) => void (data === '' || receive(data) || controller.abort()),
          onclose() {
            throw new Error('The server has closed the stream'); // only an error leads to a reconnect
          },
        });
        Reflect.deleteProperty(globalThis, 'document');
        Reflect.deleteProperty(globalThis, 'window');
      };
    },
  },
};
