/**
 * Creates Responses from a head and a body: for several readers of the same bytes, and for a stored response. Their
 * `url`, `redirected` and `type` are those of the original, which `new Response` cannot set.
 */
import { nullBodyStatuses } from '../../core/engine/http-constants.ts';
import { privateState, shadowPrototype } from '../../core/engine/private-state.ts';
import { noop } from '../noop.ts';
import { byteStream, concat, readUpTo, type Bytes } from './streams.ts';

/** All of a response except its body. */
export interface ResponseHead {
  /** Without the fragment that the URL of a request may have (Fetch Standard, Response class). */
  readonly url: string;
  readonly redirected: boolean;
  readonly type: ResponseType;
  readonly status: number;
  readonly statusText: string;
  readonly headers: readonly (readonly [string, string])[];
}

/** The whole body. Any number of Responses read it, and its text is decoded once for all of them. */
export interface Content {
  readonly bytes: Bytes;
  text?: string;
}

type Body = Content | ReadableStream<Bytes> | null;

interface Synthetic {
  readonly head: ResponseHead;
  /** `undefined` if the body is a stream, or if there is none. */
  readonly content: Content | undefined;
}

const synthetics = privateState<Synthetic>();

export function responseHead({ url, redirected, type, status, statusText, headers }: Response): ResponseHead {
  return { url, redirected, type, status, statusText, headers: [...headers] };
}

/** A genuine Response. Others may be created from the same content; each can be read once. */
export function createResponse(head: ResponseHead, body: Body): Response {
  return responseFactory(head)(body);
}

/** Creates many Responses with one head. The platform validates the headers once for all of them. */
export function responseFactory(head: ResponseHead): (body: Body) => Response {
  const { status, statusText } = head;
  const headers = new Headers(head.headers as [string, string][]);
  return (body) => {
    const content = body === null || body instanceof ReadableStream ? undefined : body;
    const stream = content === undefined ? (body as ReadableStream | null) : streamOf(content);
    const response = streamResponse(nullBodyStatuses.has(status) ? null : stream, { status, statusText, headers });
    return adopt(response, { head, content });
  };
}

function adopt(response: Response, state: Synthetic): Response {
  synthetics.set(response, state);
  return shadow(response);
}

/** For a reader of chunks. It gets a copy, because it may change the chunk or transfer its buffer. */
function streamOf({ bytes }: Content): ReadableStream<Bytes> {
  let unread = bytes.length > 0;
  return byteStream(() => {
    if (!unread) return undefined;
    unread = false;
    return bytes.slice();
  });
}

const shadow = shadowPrototype((base: Response): PropertyDescriptorMap => {
  /** Reads the content without a stream. The platform's own method reads a body that is a stream, or refuses to read. */
  const reading = (method: 'text' | 'json' | 'arrayBuffer' | 'bytes', convert: (content: Content) => unknown) =>
    method in base && {
      [method]: {
        value(this: Response): Promise<unknown> {
          const { content } = synthetics.get(this)!;
          const body = Reflect.get(base, 'body', this);
          const isUsed = !body || body.locked || Reflect.get(base, 'bodyUsed', this);
          if (content === undefined || isUsed) return base[method].call(this);
          void body.getReader().cancel().catch(noop); // now it is used and locked, as after any read
          return Promise.resolve(content).then(convert);
        },
      },
    };
  const fromHead = (member: 'url' | 'redirected' | 'type'): PropertyDescriptor => ({
    get(this: Response) {
      return synthetics.get(this)!.head[member];
    },
  });

  return {
    url: fromHead('url'),
    redirected: fromHead('redirected'),
    type: fromHead('type'),
    ...reading('text', textOf),
    ...reading('json', (content) => JSON.parse(textOf(content)) as unknown),
    ...reading('arrayBuffer', ({ bytes }) => bytes.slice().buffer),
    ...reading('bytes', ({ bytes }) => bytes.slice()),
    clone: {
      value(this: Response) {
        return adopt(base.clone.call(this), synthetics.get(this)!);
      },
    },
  };
});

function textOf(content: Content): string {
  return (content.text ??= new TextDecoder().decode(content.bytes));
}

/** A Response whose body is a stream. That of React Native takes no stream: its body would be the text `[object ReadableStream]`. */
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
