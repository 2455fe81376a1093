/** Watched responses for the tests of `watch.ts`, `relay.ts` and `discard.ts`, and the ways to read one. */
import { expect } from 'vitest';
import { watchBody, type BodyWatcher } from '../../../src/lib/body/watch.ts';
import type { Bytes } from '../../../src/lib/body/streams.ts';
import type { Exchange, Origin } from '../../support/origin.ts';

/** A watcher of the end leaves the body to the transport. A watcher of chunks puts a relay before it. */
export const modes = ['the end', 'chunks'] as const;
export type Mode = (typeof modes)[number];

/** Each value in each mode, for `test.for`. */
export function inBothModes<T>(values: readonly T[]): (readonly [T, Mode])[] {
  return modes.flatMap((mode) => values.map((value) => [value, mode] as const));
}

export interface Watched {
  readonly response: Response;
  /** What the watcher was called with, in order: `wait`, a chunk as text, `complete` or `incomplete`. */
  readonly reports: string[];
  readonly fail: (error: unknown) => void;
}

export function watch(response: Response, mode: Mode): Watched {
  const reports: string[] = [];
  const end = (complete: boolean): void => void reports.push(complete ? 'complete' : 'incomplete');
  const watcher: BodyWatcher =
    mode === 'the end'
      ? { end, endsUnread: true }
      : { end, wait: () => reports.push('wait'), chunk: (bytes) => reports.push(text(bytes)) };
  return { response, reports, fail: watchBody(response, watcher) };
}

export async function fetchWatched(server: Origin, mode: Mode, init?: RequestInit): Promise<Watched> {
  return watch(await fetch(server.url, init), mode);
}

/** The reports of an end. There must never be two. */
export function ends(reports: readonly string[]): string[] {
  return reports.filter((report) => report === 'complete' || report === 'incomplete');
}

export function text(bytes: AllowSharedBufferSource | undefined): string {
  return new TextDecoder().decode(bytes);
}

export const hello = ({ response }: Exchange): void => void response.end('hello');
/** Sends a part of a body, and then nothing until the test sends more. */
export const part = ({ response }: Exchange): void => void response.write('part');

export function responding(content: string, type: string): (exchange: Exchange) => void {
  return ({ response }) => void response.setHeader('content-type', type).end(content);
}

async function readAll(stream: ReadableStream<Uint8Array>): Promise<string> {
  let all = '';
  for await (const chunk of stream) all += text(chunk);
  return all;
}

/** Each way to read a body to its end through its stream. */
export const streamed = {
  async getReader(body) {
    const reader = body.getReader();
    let all = '';
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return all;
      all += text(value);
    }
  },
  'for await': readAll,
  async pipeTo(body) {
    let all = '';
    await body.pipeTo(new WritableStream({ write: (chunk) => void (all += text(chunk)) }));
    return all;
  },
  async pipeThrough(body) {
    let all = '';
    for await (const chunk of body.pipeThrough(new TextDecoderStream())) all += chunk;
    return all;
  },
  async tee(body) {
    const [one, two] = await Promise.all(body.tee().map(readAll));
    expect(two).toBe(one);
    return one!;
  },
  async 'a BYOB reader'(body) {
    const reader = body.getReader({ mode: 'byob' });
    let all = '';
    let buffer = new ArrayBuffer(2);
    for (;;) {
      const { done, value } = await reader.read(new Uint8Array(buffer));
      all += text(value);
      if (done) return all;
      buffer = value.buffer;
    }
  },
} as const satisfies Record<string, (body: ReadableStream<Bytes>) => Promise<string>>;

/** Each method that reads a body, a body for it, and how to show its result. */
export const methods = {
  text: ['a=1', (value: unknown) => value],
  json: ['{"a":1}', (value: unknown) => value],
  arrayBuffer: ['a=1', (value: unknown) => text(value as ArrayBuffer)],
  bytes: ['a=1', (value: unknown) => text(value as Bytes)],
  blob: ['a=1', async (value: unknown) => [(value as Blob).type, await (value as Blob).text()]],
  formData: ['a=1', (value: unknown) => [...(value as FormData)]],
} as const;

export function keysOf<T extends object>(object: T): (keyof T)[] {
  return Object.keys(object) as (keyof T)[];
}
