/** How calls run through a stack that changes. */
import { stackOf } from '../core/compose.ts';
import type { Middleware } from '../core/context.ts';
import type { LiveStack, Pipeline } from '../stack.ts';

type Change = (stack: readonly Middleware[]) => readonly Middleware[];

/** What is in force now. */
export type InForce = Omit<LiveStack, 'through' | 'extended'>;

/** The live stack of what is in force. */
export function liveStack(now: InForce): Pick<LiveStack, 'through' | 'extended'> {
  return {
    through(build, left): Pipeline {
      const current = perStack(now, build);
      return (request, signal, { options, transport }) => {
        const run = (): Promise<Response> => {
          const given = now.optionsFor(request.method, request.url, options);
          return current()(request, signal, { options: given, transport });
        };
        if (now.pending === undefined) return run();
        return untilReady(now.pending, signal).then(run, (reason: unknown) => {
          left(request, reason);
          throw reason;
        });
      };
    },
    extended: (change) => extended(now, change),
  };
}

function extended(below: InForce, change: Change): LiveStack {
  const changed = perStack(below, (stack) => stackOf(change(stack)));
  const now: InForce = {
    get current() {
      return changed();
    },
    get names() {
      return [...below.names, ...changed().map(({ name }) => name)];
    },
    get pending() {
      return below.pending;
    },
    optionsFor: (method, url, given) => below.optionsFor(method, url, given),
  };
  return Object.assign(now, liveStack(now));
}

/** What `build` makes of the present stack. It is built once for each stack, of which only the latest is kept. */
function perStack<T>(use: InForce, build: (stack: readonly Middleware[]) => T): () => T {
  let latest: { readonly stack: readonly Middleware[]; readonly built: T } | undefined;
  return () => {
    const stack = use.current;
    if (latest?.stack !== stack) latest = { stack, built: build(stack) };
    return latest.built;
  };
}

/** Resolves once there is a stack. A caller that leaves before gets the reason of its abort at once. */
async function untilReady(pending: Promise<void>, signal: AbortSignal | null | undefined): Promise<void> {
  if (signal == null) return pending;
  signal.throwIfAborted();
  let leave!: () => void;
  const left = new Promise<never>((_, reject) => (leave = () => reject(signal.reason)));
  signal.addEventListener('abort', leave, { once: true });
  try {
    await Promise.race([pending, left]);
  } finally {
    signal.removeEventListener('abort', leave);
  }
}
