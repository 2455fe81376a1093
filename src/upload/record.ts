/** What the storage keeps of an upload: whose bytes it has, and the URL under which they go on. */
import { uuid } from '../core/engine/uuid.ts';
import type { Entry, Storage, Version } from '../core/storage.ts';
import { digest } from '../lib/digest.ts';
import { parseStored } from '../lib/stored-json.ts';
import type { ProtocolName } from './protocol.ts';
import { UploadError } from './upload-error.ts';

/** By what two files are distinguished without being read whole. */
interface Fingerprint {
  readonly size: number;
  readonly type: string;
  /** Of a File, Unix ms. */
  readonly lastModified?: number;
  /** Of the first and of the last bytes. */
  readonly digest: string;
}

export interface StoredUpload extends Resource {
  readonly fingerprint: Fingerprint;
  /** The idempotency key of the request that creates the upload. */
  readonly key: string;
  /** The response of an upload that is complete, serialized. */
  readonly result?: string;
}

/** Where the bytes go. Both members are absent until the upload resource was created. */
export interface Resource {
  readonly protocol?: ProtocolName;
  readonly url?: string;
}

/** The key of an upload: the URL without what may be different in a repeat, such as a signature, and its name. */
export function keyOf(url: string, requestId: string): string {
  return `upload ${JSON.stringify([url.replace(/[?#].*$/s, ''), requestId])}`;
}

/** The record of one upload in a storage. */
export class UploadRecord {
  readonly #storage: Storage;
  readonly #key: string;
  readonly #ttl: number;
  #version: Version | null = null;
  #stored!: StoredUpload;

  constructor(storage: Storage, key: string, ttl: number) {
    this.#storage = storage;
    this.#key = key;
    this.#ttl = ttl;
  }

  get upload(): StoredUpload {
    return this.#stored;
  }

  /** Reads the record, or writes a new one before anything is sent. @throws {UploadError} `UPLOAD_MISMATCH` */
  async open(fingerprint: Fingerprint): Promise<void> {
    if (!(await this.read())) await this.#write({ fingerprint, key: uuid() });
    const difference = differenceOf(this.#stored.fingerprint, fingerprint);
    if (difference !== undefined) throw new UploadError('UPLOAD_MISMATCH', `${difference}: give each file its own`);
  }

  /** Resolves to whether there is a record. */
  async read(): Promise<boolean> {
    const entry = await this.#storage.get(this.#key);
    if (entry === undefined) return false;
    this.#version = entry.version;
    this.#stored = parse(this.#key, entry);
    return true;
  }

  /** Another tab or process may have created an upload resource first: then that one is used. */
  async created(resource: Resource): Promise<void> {
    await this.#write({ ...this.#stored, ...resource });
  }

  /** The server has removed the upload: the next one is created under another key. */
  async restart(): Promise<void> {
    await this.#write({ fingerprint: this.#stored.fingerprint, key: uuid() });
  }

  async complete(result: string): Promise<void> {
    await this.#write({ ...this.#stored, result });
  }

  async delete(): Promise<void> {
    await this.#storage.delete(this.#key);
  }

  /** Writes over what this record has read. If another writer was first, its record is the one in force. */
  async #write(upload: StoredUpload): Promise<void> {
    const options = { ttl: this.#ttl, ifVersion: this.#version };
    const version = await this.#storage.set(this.#key, JSON.stringify(upload), options);
    if (version !== undefined) [this.#version, this.#stored] = [version, upload];
    else if (!(await this.read())) {
      this.#version = null;
      await this.#write(upload);
    }
  }
}

/** How many bytes at the start and at the end the digest covers. */
const edge = 64 * 1024;

export async function fingerprintOf(blob: Blob): Promise<Fingerprint> {
  const { size, type } = blob;
  const lastModified = 'lastModified' in blob ? { lastModified: Number(blob.lastModified) } : undefined;
  const edges = new Blob([blob.slice(0, edge), blob.slice(Math.max(edge, size - edge))]);
  return { size, type, ...lastModified, digest: await digest(edges) };
}

function differenceOf(stored: Fingerprint, given: Fingerprint): string | undefined {
  for (const name of ['size', 'type', 'lastModified'] as const) {
    const [before, now] = [stored[name], given[name]];
    if (before !== now)
      return `The requestId belongs to an upload whose file has ${name} ${before}, this one has ${now}`;
  }
  const isSame = stored.digest === given.digest;
  return isSame ? undefined : 'The requestId belongs to an upload of another file, whose first or last bytes differ';
}

function parse(key: string, { value }: Entry): StoredUpload {
  return parseStored(key, value, isStoredUpload);
}

function isStoredUpload(value: unknown): value is StoredUpload {
  const { fingerprint, key, protocol, url, result } = (value ?? {}) as Partial<Record<string, unknown>>;
  const { size, type, digest } = (fingerprint ?? {}) as Partial<Record<string, unknown>>;
  const isFile = typeof size === 'number' && typeof type === 'string' && typeof digest === 'string';
  const isResource =
    url === undefined
      ? protocol === undefined
      : typeof url === 'string' && (protocol === 'draft' || protocol === 'tus');
  return isFile && typeof key === 'string' && isResource && (result === undefined || typeof result === 'string');
}
