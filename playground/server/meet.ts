/** Carries out the fate of a request: the delay, then the response, the reset, or no response at all. */
import type { ServerResponse } from 'node:http';
import { setTimeout as wait } from 'node:timers/promises';
import type { Fate, Outcome } from '../network/fate.ts';
import { failure } from '../network/reply.ts';
import type { Reply } from '../network/reply.ts';
import type { Settings } from '../network/settings.ts';
import { send, trickle } from './send.ts';

/** Resolves to the outcome as soon as the server has sent everything that it will send. */
export async function meet(fate: Fate, reply: Reply, settings: Settings, res: ServerResponse): Promise<Outcome> {
  const gone = new AbortController();
  res.once('close', () => gone.abort());

  try {
    await act(fate, reply, settings, res, gone.signal);
    return fate.outcome;
  } catch (error) {
    if (gone.signal.aborted) return 'abandoned';
    throw error;
  }
}

async function act(
  fate: Fate,
  reply: Reply,
  { errors, drip }: Settings,
  res: ServerResponse,
  gone: AbortSignal,
): Promise<void> {
  if ('delay' in fate) await wait(fate.delay, undefined, { signal: gone });

  switch (fate.outcome) {
    case 'answered':
      return fate.drips ? trickle(res, reply, { gap: drip.gap, gone }) : send(res, reply);
    case 'cut':
      await trickle(res, reply, { gap: fate.drips ? drip.gap : 0, until: fate.after, gone });
      res.socket?.resetAndDestroy();
      return;
    case 'failed':
      return send(res, failure(fate.status, errors.retryAfter));
    case 'reset':
    case 'refused':
      res.socket?.resetAndDestroy(); // a real RST, as when a process crashes
      return;
    case 'stalled': // no response: only the client ends the request
  }
}
