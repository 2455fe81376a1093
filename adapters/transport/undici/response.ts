/**
 * A genuine Response whose body is made when it is asked for: `json()`, `text()` and their kin read the bytes as they
 * came, and only `body` and `clone()` pay for a stream.
 */
import { Readable } from 'node:stream';

import { bodyArrival, unopenedBody, type BodyArrival } from '../../../src/core/engine/transport-protocol.ts';
import { ReadOnlyHeaders, valueOf, type IncomingHeaders } from './headers.ts';
import type { Incoming } from './incoming.ts';

/** What an answer is but for its body. */
export interface Head {
  readonly status: number;
  readonly statusText: string;
  readonly headers: IncomingHeaders;
  readonly url: string;
  readonly redirected: boolean;
}

type Bytes = Uint8Array<ArrayBuffer>;

/**
 * The platform's class but for its constructor, which makes what none of ours would use: the members are all our own.
 */
const Shape = function () {} as unknown as { new (): Response; prototype: Response };
Shape.prototype = Response.prototype;

class LazyResponse extends Shape {
  readonly #head: Head;
  readonly #incoming: Incoming | undefined;
  /** Made when they are asked for, as the stream is. */
  #headers: Headers | undefined;
  #stream: ReadableStream<Bytes> | null | undefined;
  /** Read as a whole, past any stream. */
  #taken = false;

  constructor(head: Head, body: Incoming | ReadableStream<Bytes> | null) {
    super();
    this.#head = head;
    if (body === null || body instanceof ReadableStream) this.#stream = body;
    else this.#incoming = body;
  }

  override get status(): number {
    return this.#head.status;
  }
  override get statusText(): string {
    return this.#head.statusText;
  }
  override get ok(): boolean {
    return this.#head.status >= 200 && this.#head.status <= 299;
  }
  override get headers(): Headers {
    return (this.#headers ??= new ReadOnlyHeaders(this.#head.headers));
  }
  override get url(): string {
    return this.#head.url;
  }
  override get redirected(): boolean {
    return this.#head.redirected;
  }
  override get type(): ResponseType {
    return 'basic'; // as Node's own says
  }

  /** See `arrivingOf`. */
  get [bodyArrival](): BodyArrival | undefined {
    return this.#incoming;
  }

  /** See `isUnopened`. */
  get [unopenedBody](): boolean {
    return this.#stream === undefined && !this.#taken;
  }

  override get body(): ReadableStream<Bytes> | null {
    if (this.#stream === undefined) {
      this.#stream = this.#open(this.#incoming!);
      if (this.#taken) this.#stream.getReader(); // read already: it stays locked, as the platform's does
    }
    return this.#stream;
  }

  override get bodyUsed(): boolean {
    return this.#taken || (this.#stream != null && isDisturbed(this.#stream));
  }

  override clone(): Response {
    if (this.bodyUsed || this.#stream?.locked === true) {
      throw new TypeError('Response.clone: Body has already been consumed.');
    }
    const { body } = this;
    if (body === null) return new LazyResponse(this.#head, null);
    const [mine, other] = body.tee();
    this.#stream = mine;
    return new LazyResponse(this.#head, other);
  }

  override text(): Promise<string> {
    return this.#read(decode);
  }

  override json(): Promise<unknown> {
    return this.#read(parse);
  }

  override bytes(): Promise<Bytes> {
    return this.#read(copy);
  }

  override arrayBuffer(): Promise<ArrayBuffer> {
    return this.#read((bytes) => copy(bytes).buffer);
  }

  override blob(): Promise<Blob> {
    return this.#read((bytes) => this.#plain(bytes).blob());
  }

  override formData(): Promise<FormData> {
    return this.#read((bytes) => this.#plain(bytes).formData());
  }

  /** The platform's own, for what depends on the content type. */
  #plain(bytes: Uint8Array): Response {
    const type = valueOf(this.#head.headers, 'content-type');
    return new Response(Buffer.from(bytes), type === undefined ? {} : { headers: { 'content-type': type } });
  }

  #read<Value>(take: (bytes: Uint8Array) => Value | Promise<Value>): Promise<Value> {
    if (this.bodyUsed) return Promise.reject(new TypeError('Body is unusable: Body has already been read'));
    if (this.#stream === null) return Promise.resolve(nothing).then(take);
    if (this.#stream !== undefined) return new Response(this.#stream).bytes().then(take);
    this.#taken = true;
    return this.#incoming!.readAll().then((chunks) => take(chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks)));
  }

  /** Its source holds on to the response: whoever has only the stream still has the answer. */
  #open(incoming: Incoming): ReadableStream<Bytes> {
    return new ReadableStream<Bytes>({
      type: 'bytes',
      pull: async (controller) => {
        const chunks = await this.#next(incoming);
        for (const chunk of chunks) controller.enqueue(new Uint8Array(chunk));
        if (chunks.length > 0) return;
        controller.close();
        if ('byobRequest' in controller) controller.byobRequest?.respond(0);
      },
      cancel: () => incoming.cancel(),
    });
  }

  #next(incoming: Incoming): Promise<Uint8Array[]> {
    return incoming.read();
  }
}

/** A body that is a stream already comes with it; `null` for none. */
export function respond(head: Head, body: Incoming | ReadableStream<Bytes> | null): Response {
  return new LazyResponse(head, body);
}

/** Typed for Node's own streams only; it knows the web's as well. */
function isDisturbed(stream: ReadableStream): boolean {
  return Readable.isDisturbed(stream as unknown as Readable);
}

const nothing = new Uint8Array();
const utf8 = new TextDecoder();

function decode(bytes: Uint8Array): string {
  return bytes.length === 0 ? '' : utf8.decode(bytes);
}

function parse(bytes: Uint8Array): unknown {
  return JSON.parse(decode(bytes));
}

/** What came from the socket is part of a larger buffer. */
function copy(bytes: Uint8Array): Bytes {
  return new Uint8Array(bytes);
}
