/**
 * Measures the memory that the calls of one contender hold while they run, and retain afterwards. `bench/memory.ts` runs
 * this module in a process of its own.
 */
import { getEventListeners } from 'node:events';

export interface Task {
  readonly contender: string;
  readonly inFlight: number;
  readonly calls: number;
}

export interface Figures {
  /** Bytes per call, while the calls wait for their headers. */
  readonly held: number;
  readonly calls: number;
  /** Bytes that are retained after all calls on one signal, and after a collection. */
  readonly retained: number;
  /** Listeners that are left on that signal. */
  readonly listeners: number;
}

type Get = (url: string, signal: AbortSignal) => Promise<unknown>;

interface Subject {
  readonly packages?: readonly string[];
  /** The number of calls is divided by this for slow contenders. */
  readonly divisor?: number;
  readonly make: () => Get | Promise<Get>;
}

export const subjects: Readonly<Record<string, Subject>> = {
  'raw fetch': { make: () => async (url, signal) => (await fetch(url, { signal })).json() },
  'AbortSignal.any and timeout, then fetch': {
    divisor: 10,
    make: () => async (url, caller) => {
      const signal = AbortSignal.any([caller, AbortSignal.timeout(30_000)]);
      return (await fetch(url, { signal })).json();
    },
  },
  'kyoa createFetch, standard()': {
    async make() {
      const { createFetch, standard } = await import('../../src/index.ts');
      const fetch = createFetch({ use: standard() });
      return async (url, signal) => (await fetch(url, { signal })).json();
    },
  },
  kyoa: {
    divisor: 10,
    async make() {
      const { default: kyoa } = await import('../../src/index.ts');
      return (url, signal) => kyoa.get(url, { signal }).json();
    },
  },
  ky: {
    packages: ['ky'],
    divisor: 10,
    async make() {
      const { default: ky } = await import('ky');
      return (url, signal) => ky.get(url, { signal }).json();
    },
  },
};

async function measure({ contender, inFlight, calls }: Task): Promise<Figures> {
  const waiting: (() => void)[] = [];
  let holds = false;
  globalThis.fetch = async () => {
    if (holds) await new Promise<void>((resolve) => waiting.push(resolve));
    return new Response('{"ok":true}');
  };
  const get = await subjects[contender]!.make();
  const signal = new AbortController().signal;
  const repeat = async (times: number): Promise<void> => {
    for (let call = 0; call < times; call += 1) await get('http://api.example/users', signal);
  };

  await repeat(1_000);
  const before = await heap();
  await repeat(calls);
  const retained = (await heap()) - before;
  const listeners = getEventListeners(signal, 'abort').length;

  holds = true;
  const empty = await heap();
  const running = Array.from({ length: inFlight }, (_, call) => get(`http://api.example/users/${call}`, signal));
  while (waiting.length < inFlight) await new Promise(setImmediate);
  const held = ((await heap()) - empty) / inFlight;
  for (const respond of waiting) respond();
  await Promise.all(running);
  return { held, calls, retained, listeners };
}

/** The size of the heap after a collection, bytes. Finalizers run between the rounds. */
async function heap(): Promise<number> {
  for (let round = 0; round < 5; round += 1) {
    gc!();
    await new Promise(setImmediate);
  }
  return process.memoryUsage().heapUsed;
}

if (import.meta.main) {
  process.send!(await measure(JSON.parse(process.argv[2]!) as Task));
  process.exit(); // some contenders leave timers behind
}
