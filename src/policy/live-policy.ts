/** What `policy()` takes and returns. */
import type { Storage } from '../core/storage.ts';
import type { LiveStack } from '../stack.ts';
import type { OwnMiddleware } from './compile.ts';
import type { PolicyDocument } from './document.ts';
import type { Json } from './parsed-document.ts';
import type { PolicyProblem } from './policy-error.ts';
import type { ReadEnv } from './secrets.ts';

/**
 * What a listener of `policy()` receives.
 *
 * @see https://github.com/kyoa/kyoa/blob/main/docs/policy-documents.md#events
 */
export type PolicyEvent =
  | { readonly type: 'policy.changed'; readonly source: string; readonly version: string | number | undefined }
  | { readonly type: 'policy.refused'; readonly source: string; readonly problems: readonly PolicyProblem[] }
  | { readonly type: 'policy.failed'; readonly source: string; readonly error: unknown }
  | { readonly type: 'policy.stale'; readonly source: string; readonly age: number };

/**
 * The options of `policy()`.
 *
 * @see https://github.com/kyoa/kyoa/blob/main/docs/policy-documents.md#options
 */
export interface PolicyOptions {
  /** Middleware of the program that a document may name: the middleware, or a function that makes it of its options. @default {} */
  readonly middleware?: Readonly<Record<string, OwnMiddleware>> | undefined;
  /** Which of the document's `environments` is in force. @default the variable NODE_ENV */
  readonly environment?: string | undefined;
  /** Reads a variable that a document refers to. @default the environment of Node, Deno and Bun */
  readonly env?: ReadEnv | undefined;
  /** The document until the sources have one, and if none comes. @default {}, the standard stack */
  readonly initial?: PolicyDocument | undefined;
  /** How long calls wait for the first document of every source, ms; 0: they do not. @default 5_000 */
  readonly wait?: number | undefined;
  /** Keeps the last good document of each source, for a start without its source. */
  readonly storage?: Storage | undefined;
  /** A source that has failed for this long is stale, ms. Its document stays in force. @default 600_000 */
  readonly staleAfter?: number | undefined;
  /** Receives what happens to the documents. @default warns of refused documents */
  readonly listener?: ((event: PolicyEvent) => void) | undefined;
}

/**
 * The state of one source.
 *
 * @see https://github.com/kyoa/kyoa/blob/main/docs/policy-documents.md#snapshot
 */
export interface SourceSnapshot {
  readonly name: string;
  /** `kept`: its document is that of an earlier run. */
  readonly state: 'waiting' | 'good' | 'absent' | 'failing' | 'stale' | 'kept';
  /** The source's own: an ETag, an index, a revision. */
  readonly version?: string;
  /** When its document came into force, Unix ms. */
  readonly since?: number;
  /** The last document that was refused, if no good one has come since. */
  readonly refused?: { readonly at: number; readonly problems: readonly PolicyProblem[] };
  /** Why it cannot be read, if it cannot. */
  readonly error?: string;
}

/**
 * What is in force, and where it comes from. It holds references in place of secrets.
 *
 * @see https://github.com/kyoa/kyoa/blob/main/docs/policy-documents.md#snapshot
 */
export interface PolicySnapshot {
  /** The `version` of the document. */
  readonly version: string | number | undefined;
  /** When the last change came into force, Unix ms. */
  readonly since: number;
  readonly changes: number;
  readonly sources: readonly SourceSnapshot[];
  /** The stack and the routes in force, and of which source each is. */
  readonly use: readonly { readonly name: string; readonly options: Json; readonly source: string }[];
  readonly routes: readonly { readonly pattern: string; readonly options: Json; readonly source: string }[];
}

/**
 * A live stack that follows its documents, as `policy()` returns it.
 *
 * @see https://github.com/kyoa/kyoa/blob/main/docs/policy-documents.md
 */
export interface LivePolicy extends LiveStack {
  /** Replaces the document that the program itself gave, which lies under those of the sources. @throws {PolicyError} and changes nothing */
  update(document: PolicyDocument): void;
  snapshot(): PolicySnapshot;
  /** Stops watching the sources. The stack stays as it is. */
  close(): void;
  [Symbol.dispose](): void;
}
