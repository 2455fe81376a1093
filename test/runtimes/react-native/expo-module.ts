/**
 * The native half of Expo's fetch, over `node:http`. As in SDK 57 on iOS, `text()` and `arrayBuffer()` never settle after
 * the request was cancelled.
 */
import { EventEmitter } from 'node:events';
import { request as send, type ClientRequest, type IncomingMessage } from 'node:http';
import { buffer } from 'node:stream/consumers';

interface Init {
  readonly method?: string;
  readonly headers?: readonly (readonly [string, string])[];
}

type Listener = (...values: unknown[]) => void;

class NativeResponse {
  readonly #events = new EventEmitter();
  #url = '';
  #received: IncomingMessage | undefined;

  addListener(name: string, listener: Listener): void {
    this.#events.on(name, listener);
  }
  removeListener(name: string, listener: Listener): void {
    this.#events.off(name, listener);
  }
  removeAllListeners(name: string): void {
    this.#events.removeAllListeners(name);
  }

  get bodyUsed(): boolean {
    return false;
  }
  get redirected(): boolean {
    return false;
  }
  get url(): string {
    return this.#url;
  }
  get status(): number {
    return this.#received?.statusCode ?? 0;
  }
  get statusText(): string {
    return this.#received?.statusMessage ?? '';
  }
  get _rawHeaders(): [string, string][] {
    return Object.entries(this.#received?.headers ?? {}).map(([name, value]) => [name, String(value)]);
  }

  receive(url: string, received: IncomingMessage): void {
    this.#url = url;
    this.#received = received;
  }

  async startStreaming(): Promise<null> {
    const received = this.#received!;
    received.on('data', (bytes: Buffer) => this.#events.emit('didReceiveResponseData', new Uint8Array(bytes)));
    received.on('end', () => this.#events.emit('didComplete'));
    received.on('error', ({ message }: Error) => this.#events.emit('didFailWithError', message));
    return null;
  }
  cancelStreaming(): void {
    this.#received?.destroy();
  }

  async arrayBuffer(): Promise<ArrayBuffer> {
    return new Uint8Array(await this.#whole()).buffer;
  }
  async text(): Promise<string> {
    return (await this.#whole()).toString();
  }
  #whole(): Promise<Buffer> {
    return buffer(this.#received!).catch(() => new Promise<never>(() => {}));
  }
}

class NativeRequest {
  readonly #response: NativeResponse;
  #request: ClientRequest | undefined;

  constructor(response: NativeResponse) {
    this.#response = response;
  }

  start(url: unknown, { method, headers = [] }: Init, body: Uint8Array | null): Promise<NativeResponse> {
    if (typeof url !== 'string') throw new TypeError('The native module takes a URL');
    return new Promise((resolve, reject) => {
      const request = send(url, { ...(method !== undefined && { method }), headers: Object.fromEntries(headers) });
      this.#request = request;
      request.on('response', (received) => {
        this.#response.receive(url, received);
        resolve(this.#response);
      });
      request.on('error', () => reject(new Error('The network connection was lost.')));
      request.end(body ?? undefined);
    });
  }
  cancel(): void {
    this.#request?.destroy();
  }
}

export const ExpoFetchModule = { NativeRequest, NativeResponse };
