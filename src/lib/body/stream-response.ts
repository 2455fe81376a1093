/** A Response whose body is a stream. */
import { concat, readUpTo, type Bytes } from './streams.ts';

/** The Response of React Native takes no stream: its body would be the text `[object ReadableStream]`. */
export function streamResponse(stream: ReadableStream<Bytes> | null, init: ResponseInit): Response {
  const response = new Response(stream, init);
  if (stream === null || response.body) return response;
  const bytes = async (): Promise<Bytes> => {
    const chunks: Bytes[] = [];
    await readUpTo(stream!.getReader(), chunks, Infinity);
    return concat(chunks);
  };
  // Its `json` and `formData` read `text`.
  return Object.setPrototypeOf(new Response(null, init), {
    __proto__: Object.getPrototypeOf(response) as object,
    get body() {
      return stream;
    },
    bytes,
    arrayBuffer: async () => (await bytes()).buffer,
    blob: async () => new Blob([await bytes()]),
    text: async () => new TextDecoder().decode(await bytes()),
    clone() {
      const [own, copy] = stream!.tee();
      stream = own;
      return streamResponse(copy, init);
    },
  }) as Response;
}
