/** An event stream that goes on after `Last-Event-ID`, over connections that end in many ways. */
import type { Exchange } from './exchange.ts';

/**
 * The events 1 to `total`, whose ids and data are their numbers; after the last one, 204. A connection is cut after `cut`
 * events, in the middle of the next one, with `how` (`reset`, `fin`, or `end` for a whole body). Each `empty`th connection ends
 * without an event, and each `repeat`th one begins with up to five events that were sent before.
 */
export async function feed(x: Exchange): Promise<void> {
  const [turn, total, retry] = [x.turn(), x.number('total', 100), x.text('retry', '1')];
  const last = Number(x.seen.headers['last-event-id'] ?? 0);
  if (last >= total) return x.reply(204);
  const isNth = (name: string): boolean => turn % x.number(name, Infinity) === 0;

  await x.head(200, { 'content-type': 'text/event-stream', 'transfer-encoding': 'chunked' });
  await x.write(`retry: ${retry}\n\n`);
  if (isNth('empty')) return void (await x.end());
  const first = isNth('repeat') ? Math.max(1, last + 1 - (1 + (turn % 5))) : last + 1;
  const end = Math.min(total, last + x.number('cut', 20));
  const events = Array.from({ length: end + 1 - first }, (_, n) => `id: ${first + n}\ndata: ${first + n}\n\n`);
  await x.write(events.join(''));
  await x.write(`id: ${end + 1}\ndata: never whole\n`);
  await x.pause(x.number('gap', 0));
  const how = x.text('how', 'reset');
  if (how === 'reset' || how === 'fin') return x.cut(how);
  await x.end();
}
