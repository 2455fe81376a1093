/** The way of a call through its stack: what the entry points have in common. */
import { memory } from '../adapters/storage/memory.ts';
import { compose, stackOf } from './core/compose.ts';
import {
  checkedBackground,
  createContext,
  type Background,
  type CallState,
  type Handler,
  type Middleware,
} from './core/context.ts';
import { NeverAborted } from './core/engine/lazy-abort.ts';
import type { RequestLike } from './core/engine/lazy-request.ts';
import { cancelStream, isRepeatable } from './core/engine/request-body.ts';
import { storage as checkedStorage } from './core/options.ts';
import type { Storage } from './core/storage.ts';
import { withCallerSignal } from './lib/caller-signal.ts';
import { noop } from './lib/noop.ts';
import { settle, unwrap } from './lib/outcome.ts';
import { connect, isLive, type Pipeline, type Stack } from './stack.ts';

/**
 * The options that every entry point has: the stack, the storage, and what receives background work.
 *
 * @see https://github.com/kyoa/kyoa/blob/main/docs/onion.md
 */
export interface PipelineOptions {
  /** The middleware, outermost first; or a stack that changes while the program runs, from `kyoa/policy`. @default [] */
  readonly use?: Stack | undefined;
  /** Where policies keep state that outlives a call. @default memory() */
  readonly storage?: Storage | undefined;
  /**
   * Receives the work of a call that goes on after its response, such as the write of the latency history. On Workers it is
   * `waitUntil` of `cloudflare:workers`; without it, that work may end with the request. The promise never rejects.
   */
  readonly background?: Background | undefined;
}

/** The pipeline of an entry point. Through a live stack each call runs through the list that is in force when it begins. */
export function createPipeline(
  { use = [], storage = memory(), background }: PipelineOptions,
  side: CallState['side'],
  terminal: Handler,
): Pipeline {
  if (background !== undefined) checkedBackground(background);
  checkedStorage('storage', storage);

  const pipelineOf = (use: readonly Middleware[]): Pipeline => {
    // A copy: `dedupe` shares a response within one stack, and another transport may give another response.
    const stack = stackOf(use);
    const run = compose(stack, terminal);
    return (request, signal, { options, transport }) => {
      const call: CallState = {
        options,
        transport,
        storage,
        background,
        side,
        stack,
        signal: signal ?? undefined,
        started: performance.now(),
        sent: 0,
        id: undefined,
        state: undefined,
      };
      const response =
        signal == null
          ? run(createContext(call, request, new NeverAborted()))
          : withCallerSignal(signal, (own) => run(createContext(call, request, own)));
      const isUnlosable = side === 'server' || isRepeatable(request.body);
      return isUnlosable ? response : cancelUnsent(request, call, response);
    };
  };
  const connected = (stack: readonly Middleware[], pipeline: Pipeline): Pipeline => {
    if (side === 'client') connect(stack, pipeline, storage);
    return pipeline;
  };
  if (!isLive(use)) return connected(use, pipelineOf(use));
  const build = (stack: readonly Middleware[]): Pipeline => {
    connected(stack, pipeline);
    return pipelineOf(stack);
  };
  const pipeline = use.through(build, side === 'client' ? cancelBody : noop);
  return connected(use.current, pipeline); // not at its first call: requests of an earlier page may wait
}

/**
 * Cancels the stream of a request that the call has not sent, as fetch does when a call is aborted before it is sent. A
 * transport that has responded may read the stream later.
 */
async function cancelUnsent(request: RequestLike, call: CallState, response: Promise<Response>): Promise<Response> {
  const outcome = await settle(response);
  if (outcome.response && call.sent) return outcome.response;
  cancelBody(request, outcome.error);
  return unwrap(outcome);
}

function cancelBody(request: RequestLike, reason: unknown): void {
  const body = request.body === undefined ? request.request.body : request.body;
  if (body instanceof ReadableStream && !body.locked)
    void cancelStream(body.getReader(), request.header('content-type'), reason);
}
