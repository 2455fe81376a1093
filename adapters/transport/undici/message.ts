/** What goes out, and who hears of what comes in. */
import type { Outgoing } from './outgoing.ts';

export interface Message {
  readonly method: string;
  readonly origin: string;
  /** Path and query. */
  readonly target: string;
  /** Names and values by turns. */
  readonly headers: readonly string[];
  readonly body: Outgoing | undefined;
  /** Whether it may be sent a second time: what it asks for is done once, however often it arrives. */
  readonly repeatable: boolean;
}

/** Takes the bytes of a body as they come. */
export interface Receiver {
  push(chunk: Uint8Array): void;
  end(): void;
  fail(error: Error): void;
}

export interface Listener {
  /** The headers have come; the receiver gets the body, without one it is let go of. */
  answered(status: number, statusText: string, headers: IncomingHeaders): Receiver | undefined;
  /** There will be no headers. */
  failed(error: Error): void;
}

export type IncomingHeaders = Readonly<Record<string, string | string[] | undefined>>;
