/**
 * Responses made from what is known of one: for many readers of the same bytes, and for a replay. They say of
 * themselves what the original said (`url`, `redirected`, `type`), which `new Response` cannot be told.
 */
import { nullBodyStatuses } from '../../core/engine/http.ts';
import { privateState } from '../../core/engine/private-state.ts';
import { noop } from '../noop.ts';
import { byteStream, type Bytes } from './streams.ts';
import { shadowPrototype } from './shadow-prototype.ts';

/** Everything of a response but its body. */
export interface ResponseHead {
  readonly url: string;
  readonly redirected: boolean;
  readonly type: ResponseType;
  readonly status: number;
  readonly statusText: string;
  readonly headers: readonly (readonly [string, string])[];
}

/** Bytes that any number of Responses read, and their text, which is decoded once for all. */
export interface Content {
  readonly bytes: Bytes;
  text?: string;
}

type Body = Content | ReadableStream<Bytes> | null;

interface Recorded {
  readonly head: ResponseHead;
  readonly content: Content | undefined;
}

const records = privateState<Recorded>();

export function responseHead({ url, redirected, type, status, statusText, headers }: Response): ResponseHead {
  return { url, redirected, type, status, statusText, headers: [...headers] };
}

/** A genuine Response, independent of any other that is made from the same content. */
export function createResponse(head: ResponseHead, body: Body): Response {
  return responseFactory(head)(body);
}

/** Makes many of them; their headers are checked once for all. */
export function responseFactory(head: ResponseHead): (body: Body) => Response {
  const { status, statusText } = head;
  const headers = new Headers(head.headers as [string, string][]);
  return (body) => {
    const content = body === null || body instanceof ReadableStream ? undefined : body;
    const stream = content === undefined ? (body as ReadableStream | null) : streamOf(content);
    const response = new Response(nullBodyStatuses.has(status) ? null : stream, { status, statusText, headers });
    return adopt(response, { head, content });
  };
}

function adopt(response: Response, record: Recorded): Response {
  records.set(response, record);
  return shadowed(response);
}

/** For whoever reads chunks; a copy, because a reader may do with its chunks what it likes. */
function streamOf({ bytes }: Content): ReadableStream<Bytes> {
  let left = bytes.length > 0;
  return byteStream(() => {
    if (!left) return undefined;
    left = false;
    return bytes.slice();
  });
}

const shadowed = shadowPrototype((base: Response): PropertyDescriptorMap => {
  const own = <Member extends keyof Response>(response: Response, member: Member): Response[Member] =>
    Reflect.get(base, member, response);

  /** Reads the shared bytes, unless the platform would refuse or the body is a stream: then it is the platform's turn. */
  const reading = (name: 'text' | 'json' | 'arrayBuffer' | 'bytes', take: (content: Content) => unknown) =>
    name in base && {
      [name]: {
        value(this: Response): Promise<unknown> {
          const { content } = records.get(this)!;
          const body = own(this, 'body');
          if (content === undefined || !body || body.locked || own(this, 'bodyUsed')) return base[name].call(this);
          void body.getReader().cancel().catch(noop); // used and locked, as after any reading
          return Promise.resolve(content).then(take);
        },
      },
    };
  const fact = (member: 'url' | 'redirected' | 'type'): PropertyDescriptor => ({
    get(this: Response) {
      return records.get(this)!.head[member];
    },
  });

  return {
    url: fact('url'),
    redirected: fact('redirected'),
    type: fact('type'),
    ...reading('text', textOf),
    ...reading('json', (content) => JSON.parse(textOf(content)) as unknown),
    ...reading('arrayBuffer', ({ bytes }) => bytes.slice().buffer),
    ...reading('bytes', ({ bytes }) => bytes.slice()),
    clone: {
      value(this: Response) {
        return adopt(base.clone.call(this), records.get(this)!);
      },
    },
  };
});

function textOf(content: Content): string {
  return (content.text ??= new TextDecoder().decode(content.bytes));
}
