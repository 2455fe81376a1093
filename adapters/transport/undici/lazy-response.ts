/**
 * A genuine Response whose headers and stream are created on first access. `json()`, `text()` and the like read the
 * bytes directly; only `body` and `clone()` need a stream.
 */
import { Readable } from 'node:stream';

import { bodyArrival, type BodyArrival } from '../../../src/core/engine/transport-protocol.ts';
import type { ResponseBody } from './response-body.ts';
import { headerValue, ImmutableHeaders, type RawHeaders } from './response-headers.ts';

export interface ResponseHead {
  readonly status: number;
  readonly statusText: string;
  readonly headers: RawHeaders;
  readonly url: string;
  readonly redirected: boolean;
}

type Bytes = Uint8Array<ArrayBuffer>;

/**
 * The platform's Response without its constructor, which would create a state that no member of LazyResponse uses:
 * LazyResponse overrides every member.
 */
const ResponseShape = function () {} as unknown as { new (): Response; prototype: Response };
ResponseShape.prototype = Response.prototype;

class LazyResponse extends ResponseShape {
  readonly #head: ResponseHead;
  readonly #body: ResponseBody | undefined;
  #headers: Headers | undefined;
  #stream: ReadableStream<Bytes> | null | undefined;
  /** Whether the body was read whole, without a stream. */
  #consumed = false;

  constructor(head: ResponseHead, body: ResponseBody | ReadableStream<Bytes> | null) {
    super();
    this.#head = head;
    if (body === null || body instanceof ReadableStream) this.#stream = body;
    else this.#body = body;
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
    return (this.#headers ??= new ImmutableHeaders(this.#head.headers));
  }
  override get url(): string {
    return this.#head.url;
  }
  override get redirected(): boolean {
    return this.#head.redirected;
  }
  override get type(): ResponseType {
    return 'basic'; // as in Node's fetch
  }

  get [bodyArrival](): BodyArrival | undefined {
    return this.#body;
  }

  override get body(): ReadableStream<Bytes> | null {
    if (this.#stream === undefined) {
      this.#stream = this.#open(this.#body!);
      if (this.#consumed) this.#stream.getReader(); // the platform's stream stays locked after a read, too
    }
    return this.#stream;
  }

  override get bodyUsed(): boolean {
    return this.#consumed || (this.#stream != null && isDisturbed(this.#stream));
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
    return this.#read(copyOf);
  }

  override arrayBuffer(): Promise<ArrayBuffer> {
    return this.#read((bytes) => copyOf(bytes).buffer);
  }

  override blob(): Promise<Blob> {
    return this.#read((bytes) => this.#platformResponse(bytes).blob());
  }

  override formData(): Promise<FormData> {
    return this.#read((bytes) => this.#platformResponse(bytes).formData());
  }

  /** For the members whose result depends on the content type. */
  #platformResponse(bytes: Uint8Array): Response {
    const type = headerValue(this.#head.headers, 'content-type');
    return new Response(Buffer.from(bytes), type === undefined ? {} : { headers: { 'content-type': type } });
  }

  #read<Value>(convert: (bytes: Uint8Array) => Value | Promise<Value>): Promise<Value> {
    if (this.bodyUsed || this.#stream?.locked === true)
      return Promise.reject(new TypeError('Body is unusable: Body has already been read'));
    if (this.#stream === null) return Promise.resolve(noBytes).then(convert);
    if (this.#stream !== undefined) return new Response(this.#stream).bytes().then(convert);
    this.#consumed = true;
    return this.#body!.readAll().then((chunks) => convert(chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks)));
  }

  /**
   * The stream refers to the response by `this`: a caller that keeps only the stream keeps the response too, and the body
   * is not cancelled as one of a collected response.
   */
  #open(body: ResponseBody): ReadableStream<Bytes> {
    return new ReadableStream<Bytes>({
      type: 'bytes',
      start: (controller) => failWith(body, controller),
      pull: async (controller) => {
        const chunks = await this.#next(body);
        if (chunks.length > 0) return controller.enqueue(joined(chunks));
        controller.close();
        if ('byobRequest' in controller) controller.byobRequest?.respond(0);
      },
      cancel: () => body.cancel(),
    });
  }

  #next(body: ResponseBody): Promise<Uint8Array[]> {
    return body.read();
  }
}

/**
 * A reader may wait for `closed`, and read nothing. The body must not keep a dropped response alive, which a closure of its
 * method would.
 */
function failWith(body: ResponseBody, controller: ReadableStreamController<Bytes>): void {
  const stream = new WeakRef(controller);
  body.onEnd(() => {
    if (body.failure !== undefined) stream.deref()?.error(body.failure.error);
  });
}

export function lazyResponse(head: ResponseHead, body: ResponseBody | ReadableStream<Bytes> | null): Response {
  return new LazyResponse(head, body);
}

/** Node's types have this function for Node's streams only; it accepts web streams as well. */
function isDisturbed(stream: ReadableStream): boolean {
  return Readable.isDisturbed(stream as unknown as Readable);
}

const noBytes = new Uint8Array();
const utf8 = new TextDecoder();

function decode(bytes: Uint8Array): string {
  return bytes.length === 0 ? '' : utf8.decode(bytes);
}

function parse(bytes: Uint8Array): unknown {
  return JSON.parse(decode(bytes));
}

function joined(chunks: Uint8Array[]): Bytes {
  return copyOf(chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks));
}

/** A chunk from the socket is part of a larger buffer, which the caller must not see. */
function copyOf(bytes: Uint8Array): Bytes {
  return new Uint8Array(bytes);
}
