/** The rules by which an event stream is parsed: HTML §9.2.5 and §9.2.6. */
import { events, type ServerSentEvent } from 'kyoa/events';
import { describe, expect, test } from 'vitest';

const headers = { 'content-type': 'text/event-stream' };
const encode = (text: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(text);

/** The events of a stream whose chunks are `size` bytes long. */
async function eventsOf(stream: string | Uint8Array, size = Infinity): Promise<ServerSentEvent[]> {
  const bytes = typeof stream === 'string' ? encode(stream) : stream;
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      for (let at = 0; at < bytes.length; at += size) controller.enqueue(bytes.slice(at, at + size));
      controller.close();
    },
  });
  const all: ServerSentEvent[] = [];
  for await (const event of events(new Response(body, { headers }))) all.push(event);
  return all;
}

const message = (data: string, id = ''): ServerSentEvent => ({ event: 'message', data, id });

/** What a stream is, and the events in it. The first ones are those of the standard. */
const rules: readonly [rule: string, stream: string, events: readonly ServerSentEvent[]][] = [
  ['joins the lines of data by line feeds', 'data: YHOO\ndata: +2\ndata: 10\n\n', [message('YHOO\n+2\n10')]],
  [
    'ignores comments, keeps an id, and clears it with an empty one',
    ': test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n\n',
    [message('first event', '1'), message('second event'), message(' third event')],
  ],
  [
    'dispatches empty data, and not a block without data',
    'data\n\ndata\ndata\n\ndata:\n\nevent: a\n\n',
    [message(''), message('\n'), message('')],
  ],
  [
    'removes one space after the colon',
    'data:test\n\ndata: test\n\ndata:  test\n\n',
    [message('test'), message('test'), message(' test')],
  ],
  ['drops an unfinished event at the end', 'data: whole\n\ndata: unfinished', [message('whole')]],
  ['drops an event without its empty line', 'data: whole\n\ndata: unfinished\n', [message('whole')]],
  ['takes CR for the end of a line', 'data: a\rdata: b\r\rdata: c\r\r', [message('a\nb'), message('c')]],
  ['takes CRLF for the end of a line', 'data: a\r\ndata: b\r\n\r\ndata: c\r\n\r\n', [message('a\nb'), message('c')]],
  [
    'takes LF, CR and CRLF together',
    'data: a\ndata: b\rdata: c\r\n\ndata: d\n\r\n',
    [message('a\nb\nc'), message('d')],
  ],
  [
    'takes no other character for the end of a line',
    'data: a\u2028b\u2029c\u0085d\ve\ff\n\n',
    [message('a\u2028b\u2029c\u0085d\ve\ff')],
  ],
  ['removes one BOM', '\ufeffdata: a\n\n', [message('a')]],
  ['removes one BOM, and not a second one', '\ufeff\ufeffdata: a\n\ndata: b\n\n', [message('b')]],
  [
    'keeps a BOM that is not at the beginning',
    'data: a\n\n\ufeffdata: b\n\ndata: \ufeff\n\n',
    [message('a'), message('\ufeff')],
  ],
  ['takes the text of a BOM in Latin-1 for no BOM', 'ï»¿data: a\n\ndata: b\n\n', [message('b')]],
  ['ignores an id with NUL', 'id: 1\ndata: a\n\nid: 2\0\ndata: b\n\n', [message('a', '1'), message('b', '1')]],
  ['keeps NUL in data', 'data: a\0b\n\n', [message('a\0b')]],
  ['keeps an id for the events after it', 'id: 1\ndata: a\n\ndata: b\n\n', [message('a', '1'), message('b', '1')]],
  ['keeps the id of a block without data', 'id: 1\n\ndata: b\n\n', [message('b', '1')]],
  ['takes the last id of a block', 'id: 1\nid: 2\ndata: a\n\n', [message('a', '2')]],
  [
    'gives the type to its own event only',
    'event: add\ndata: a\n\ndata: b\n\n',
    [{ event: 'add', data: 'a', id: '' }, message('b')],
  ],
  ['gives the type of a block without data to none', 'event: add\n\ndata: b\n\n', [message('b')]],
  ['takes an empty type for message', 'event: add\nevent:\ndata: b\n\n', [message('b')]],
  ['takes the last type of a block', 'event: a\nevent: b\ndata: c\n\n', [{ event: 'b', data: 'c', id: '' }]],
  ['ignores names of fields in another case', 'Data: a\nDATA: b\ndata: c\nID: 1\nEvent: x\n\n', [message('c')]],
  ['ignores unknown fields and fields with a space', 'foo: a\n data: b\ndata : c\ndata: d\n: e\n\n', [message('d')]],
  ['keeps a colon in a value', 'data: a: b:c\n\n', [message('a: b:c')]],
  [
    'reads names of members of objects as any other',
    'event: toString\ndata: __proto__\nid: constructor\n\n',
    [{ event: 'toString', data: '__proto__', id: 'constructor' }],
  ],
  ['reads UTF-8', 'data: 😀 ελ\nid: 日本\n\n', [message('😀 ελ', '日本')]],
];

describe('the parser', () => {
  describe.each([Infinity, 1, 2, 3, 7])('of chunks of %s bytes', (size) => {
    test.each(rules)('%s', async (_, stream, expected) => {
      expect(await eventsOf(stream, size)).toEqual(expected);
    });
  });

  test('reads UTF-8 only, regardless of the charset of the content type', async () => {
    const bytes = new Uint8Array([...encode('data: '), 0xff, 0xe4, ...encode('\n\n')]);
    expect(await eventsOf(bytes)).toEqual([message('\ufffd\ufffd')]);
    const response = new Response(encode('data: ä\n\n'), {
      headers: { 'content-type': 'Text/Event-Stream;charset=windows-1251' },
    });
    expect((await events(response).next()).value).toEqual(message('ä'));
  });

  test('reads a line of ten million characters in many chunks', async () => {
    const data = 'kyoa '.repeat(2_000_000);
    const [event] = await eventsOf(`data: ${data}\n\n`, 65_536);
    expect(event!.data === data).toBe(true);
  });

  test.each([
    ['a line', 'data:a'],
    ['an event', 'data:aaaaaaaaaa\n'],
  ])('refuses %s without an end, and cancels the body', async (_, part) => {
    const chunk = encode(part.repeat(65_536));
    let chunks = 0;
    let cancelled = false;
    const body = new ReadableStream<Uint8Array>(
      {
        pull(controller) {
          chunks += 1;
          controller.enqueue(chunk);
        },
        cancel: () => void (cancelled = true),
      },
      { highWaterMark: 0 },
    );
    await expect(events(new Response(body, { headers })).next()).rejects.toMatchObject({
      code: 'EVENT_STREAM',
      message: 'The response sent an event of more than 67108864 characters',
    });
    expect(cancelled).toBe(true);
    expect(chunks).toBeLessThan(200);
  });
});
