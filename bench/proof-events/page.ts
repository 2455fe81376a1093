/** The page of the proof, which calls these members. */
import { read, readers, type Reader } from './readers.ts';

const all: Record<string, Reader> = {
  ...readers({ fetch: (...args) => fetch(...args) }),
  EventSource: (url, receive) =>
    new Promise((resolve) => {
      const source = new EventSource(url);
      source.addEventListener('message', ({ data }: MessageEvent<string>) => {
        if (receive(data)) return;
        source.close();
        resolve();
      });
    }),
};

Object.assign(globalThis, {
  names: Object.keys(all),
  readFeed: (name: string, url: string, total: number) => read(all[name]!, url, total),
});
