/** Whether two requests ask for the same thing: a digest of method, target and body. */
import { maxBufferedBody } from '../../core/engine/http.ts';
import { bodySource } from '../../core/engine/body-source.ts';
import { readUpTo } from '../body/streams.ts';
import { noop } from '../noop.ts';

/** Leaves the request unread. `target` is the URL, or what of it tells two requests apart. */
export async function fingerprint(request: Request, target: string = request.url): Promise<string> {
  return digest(new Blob([`${request.method} ${target}\n`, await bodyOf(request)]));
}

/** 64 hexadecimal digits: SHA-256, or where a page on plain http has no `crypto.subtle`, FNV-1a in eight lanes. */
export async function digest(data: Blob | string): Promise<string> {
  const bytes = new Uint8Array(await new Blob([data]).arrayBuffer());
  const hash = crypto.subtle ? new Uint8Array(await crypto.subtle.digest('SHA-256', bytes)) : fnv(bytes);
  return Array.from(hash, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

async function bodyOf(request: Request): Promise<Blob | string> {
  if (request.body === null || request.method === 'GET' || request.method === 'HEAD') return '';
  const origin = bodySource(request);
  const bytes =
    typeof origin === 'string' ? new Blob([origin]).slice(0, maxBufferedBody) : await beginning(request.clone());
  // A form's boundary is drawn anew for each sending of the same form.
  const boundary = /^multipart\/.*boundary="?([^";]+)/i.exec(request.headers.get('content-type') ?? '')?.[1];
  return boundary === undefined ? bytes : without(boundary, bytes);
}

async function beginning(copy: Request): Promise<Blob> {
  if (!copy.body) return (await copy.blob()).slice(0, maxBufferedBody); // Firefox has no `Request.body`
  const reader = copy.body.getReader();
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  const whole = await readUpTo(reader, chunks, maxBufferedBody);
  if (!whole) void reader.cancel().catch(noop); // a branch of a tee: not awaited
  return new Blob(chunks).slice(0, maxBufferedBody);
}

async function without(boundary: string, bytes: Blob): Promise<string> {
  // Any encoding of one byte a character will do, to find it among bytes that are no text.
  const text = new TextDecoder('latin1').decode(await bytes.arrayBuffer()).replaceAll(boundary, '');
  // Where the beginning was cut off, it may end in half a boundary.
  return bytes.size < maxBufferedBody ? text : text.slice(0, -boundary.length);
}

/** Enough to tell an honest mistake, which is all that a page on plain http can ask for. */
function fnv(bytes: Uint8Array): Uint8Array {
  const lanes = Uint32Array.from({ length: 8 }, (_, lane) => 0x811c9dc5 ^ lane);
  bytes.forEach((byte, index) => {
    const lane = index % lanes.length;
    lanes[lane] = Math.imul(lanes[lane]! ^ byte, 0x01000193);
  });
  lanes[0]! ^= bytes.length;
  return new Uint8Array(lanes.buffer);
}
