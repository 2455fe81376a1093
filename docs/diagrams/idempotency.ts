/** What `idempotency` writes to its storage: for a repeat, after a crash, and for two calls at the same time. */
import type { Sequence } from './sequence.ts';

const [first, second, storage, server] = [0, 1, 2, 3];
const post = 'POST /orders, Idempotency-Key: order-42';

export const repeat: Sequence = {
  title:
    'A repeat after success: kyoa acquires a lease, sends the request, and stores the response; the second call gets the stored response, and nothing is sent',
  parts: ['App', 'kyoa', 'Storage', 'Server'],
  steps: [
    { at: first, to: second, text: "post('orders', { requestId: 'order-42' })" },
    { at: second, to: storage, text: 'acquire a lease on order-42, 15 s' },
    { at: storage, to: second, text: 'acquired, version 7', isReturn: true },
    { at: second, to: server, text: post },
    { at: server, to: second, text: '201', isReturn: true },
    { at: second, to: storage, text: 'store 201 over version 7' },
    { at: second, to: first, text: '201', isReturn: true },
    { at: first, to: second, text: "post('orders', { requestId: 'order-42' })" },
    { at: second, to: storage, text: 'get order-42' },
    { at: storage, to: second, text: '201', isReturn: true },
    { at: second, to: first, text: '201, Idempotency-Replayed: true', isReturn: true },
  ],
};

export const crash: Sequence = {
  title:
    'A crash: tab A closes after it has sent the request; tab B waits for the end of the lease, acquires it, and sends the request under the same key; the server does the work once',
  parts: ['Tab A', 'Tab B', 'Storage', 'Server'],
  steps: [
    { at: first, to: storage, text: 'acquire a lease on order-42' },
    { at: storage, to: first, text: 'acquired, version 7', isReturn: true },
    { at: first, to: server, text: post },
    { at: first, text: 'closed' },
    { at: second, to: storage, text: 'acquire a lease on order-42' },
    { at: storage, to: second, text: 'held until 12:00:15', isReturn: true },
    { at: second, text: 'waits: idempotency.awaited' },
    { at: second, to: storage, text: 'at 12:00:15: acquire it over version 7' },
    { at: storage, to: second, text: 'acquired, version 8, in doubt', isReturn: true },
    { at: second, text: 'takes over: idempotency.recovered' },
    { at: second, to: server, text: post },
    { at: server, text: 'recognises the key: the work is done once' },
    { at: server, to: second, text: '201', isReturn: true },
    { at: second, to: storage, text: 'store 201 over version 8' },
    { at: storage, text: 'if A was only frozen: its write over version 7 is refused, and it gets B’s 201' },
  ],
};

export const concurrent: Sequence = {
  title:
    'Two calls at the same time: process A acquires the lease and sends the request; process B asks the storage until the response is there, and sends nothing',
  parts: ['Process A', 'Process B', 'Storage', 'Server'],
  steps: [
    { at: first, to: storage, text: 'acquire a lease on order-42, if there is none' },
    { at: second, to: storage, text: 'at the same time: the same' },
    { at: storage, to: first, text: 'acquired, version 7', isReturn: true },
    { at: storage, to: second, text: 'held', isReturn: true },
    { at: first, to: server, text: post },
    { at: second, to: storage, text: 'get order-42, after 25, 50, 100 ... 1,000 ms' },
    { at: server, to: first, text: '201', isReturn: true },
    { at: first, to: storage, text: 'store 201 over version 7' },
    { at: second, to: storage, text: 'get order-42' },
    { at: storage, to: second, text: '201', isReturn: true },
    { at: second, text: '201, Idempotency-Replayed: true' },
  ],
};
