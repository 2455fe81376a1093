import { delayed } from './promises.ts';

/** A PUT of unknown body source whose body never ends: while it is being read, it has one more byte every 10 ms. */
export function endlessUpload(): { readonly request: Request; readonly bytesRead: () => number } {
  let bytesRead = 0;
  const body = new ReadableStream({
    async pull(controller) {
      await delayed(undefined, 10);
      controller.enqueue(new Uint8Array(1));
      bytesRead += 1;
    },
  });
  const request = new Request('http://api.example/', { method: 'PUT', body, duplex: 'half' } as RequestInit);
  return { request, bytesRead: () => bytesRead };
}
