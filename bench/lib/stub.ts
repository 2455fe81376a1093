/** A transport that responds at once, with the body that a shape expects. */
import { streamed, type Shape } from './shapes.ts';

const responses: Readonly<Record<Shape['path'], () => Response>> = {
  '/items': () => new Response('{"ok":true}', { headers: { 'content-type': 'application/json' } }),
  '/stream': () => {
    let left = streamed;
    const pull = (controller: ReadableByteStreamController): void => {
      controller.enqueue(new Uint8Array(streamed / 4));
      left -= streamed / 4;
      if (left === 0) controller.close();
    };
    return new Response(new ReadableStream({ type: 'bytes', pull }));
  },
};

export function stub({ path }: Shape): () => Promise<Response> {
  const respond = responses[path];
  return async () => respond();
}
