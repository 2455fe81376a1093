/**
 * What React Native offers beside its fetch, over `node:http`: XMLHttpRequest, Blob, FileReader and FormData. They do what
 * those of React Native 0.88 do, and no more: a Blob cannot be created from bytes and has no `arrayBuffer()`.
 */
import { request as send, type ClientRequest, type IncomingMessage } from 'node:http';
import { buffer } from 'node:stream/consumers';

const contents = new WeakMap<NativeBlob, Buffer>();

export class NativeBlob {
  readonly type: string;

  constructor(parts: readonly (NativeBlob | string)[] = [], { type = '' }: { type?: string } = {}) {
    this.type = type;
    const bytes = parts.map((part) => {
      if (typeof part !== 'object') return Buffer.from(part);
      if (part instanceof NativeBlob) return contents.get(part)!;
      throw new Error("Creating blobs from 'ArrayBuffer' and 'ArrayBufferView' are not supported");
    });
    contents.set(this, Buffer.concat(bytes));
  }

  get size(): number {
    return contents.get(this)!.length;
  }

  slice(start?: number, end?: number, type = ''): NativeBlob {
    return blobOf(contents.get(this)!.subarray(start, end), type);
  }
}

function blobOf(bytes: Buffer, type: string): NativeBlob {
  const blob = new NativeBlob([], { type });
  contents.set(blob, bytes);
  return blob;
}

export class FileReader {
  result: string | ArrayBuffer | null = null;
  onload: (() => void) | null = null;
  onerror: (() => void) | null = null;

  readAsText(blob: NativeBlob): void {
    this.#deliver(contents.get(blob)!.toString());
  }
  readAsArrayBuffer(blob: NativeBlob): void {
    this.#deliver(new Uint8Array(contents.get(blob)!).buffer);
  }

  #deliver(result: string | ArrayBuffer): void {
    setTimeout(() => {
      this.result = result;
      this.onload?.();
    }, 0);
  }
}

/** It is not iterable: the native side reads its parts. */
export class FormData {
  readonly #parts: (readonly [string, unknown])[] = [];

  append(name: string, value: unknown): void {
    this.#parts.push([name, value]);
  }
  getAll(name: string): unknown[] {
    return this.#parts.filter(([other]) => other === name).map(([, value]) => value);
  }
  getParts(): readonly (readonly [string, unknown])[] {
    return this.#parts;
  }
}

type Handler = (() => void) | null;
type Content = string | ArrayBuffer | ArrayBufferView | NativeBlob | null;

/** Without progress: the response is there when its body is. */
export class XMLHttpRequest {
  readyState = 0;
  status = 0;
  statusText = '';
  responseURL = '';
  responseType = '';
  response: NativeBlob | undefined;
  onload: Handler = null;
  onerror: Handler = null;
  onabort: Handler = null;
  onreadystatechange: Handler = null;
  readonly #headers: Record<string, string> = {};
  #request: ClientRequest | undefined;
  #received: IncomingMessage | undefined;
  #method = 'GET';

  open(method: string, url: string): void {
    this.#method = method;
    this.responseURL = url;
  }
  setRequestHeader(name: string, value: string): void {
    this.#headers[name] = value;
  }
  getAllResponseHeaders(): string {
    const headers = Object.entries(this.#received?.headers ?? {});
    return headers.map(([name, value]) => `${name}: ${String(value)}`).join('\r\n');
  }

  send(content: Content): void {
    const request = send(this.responseURL, { method: this.#method, headers: this.#headers });
    this.#request = request;
    request.on('response', (received) => {
      this.#received = received;
      const type = received.headers['content-type'] ?? '';
      buffer(received).then(
        (bytes) => this.#done('onload', received, blobOf(bytes, type)),
        () => this.#done('onerror'),
      );
    });
    request.on('error', () => this.#done('onerror'));
    request.end(bytesOf(content));
  }

  abort(): void {
    this.#done('onabort');
    this.#request?.destroy();
  }

  #done(handler: 'onload' | 'onerror' | 'onabort', received?: IncomingMessage, response?: NativeBlob): void {
    if (this.readyState === 4) return;
    this.readyState = 4;
    this.status = received?.statusCode ?? 0;
    this.statusText = received?.statusMessage ?? '';
    this.response = response;
    this.onreadystatechange?.();
    this[handler]?.();
  }
}

function bytesOf(content: Content): Buffer | undefined {
  if (content === null) return undefined;
  if (typeof content === 'string') return Buffer.from(content);
  if (content instanceof NativeBlob) return contents.get(content);
  if (content instanceof ArrayBuffer) return Buffer.from(content);
  return Buffer.from(content.buffer, content.byteOffset, content.byteLength);
}
