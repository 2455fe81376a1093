/** What the calls of one contender hold while they run, and leave. Run by `bench/memory.ts` in a process of its own. */
import { getEventListeners } from 'node:events';

export interface Task {
  readonly contender: string;
  readonly inFlight: number;
  readonly calls: number;
}

export interface Figures {
  /** Bytes a call, while it waits for its headers. */
  readonly held: number;
  readonly calls: number;
  /** Bytes that all calls on one signal left after a collection. */
  readonly left: number;
  /** On that signal. */
  readonly listeners: number;
}

type Get = (url: string, signal: AbortSignal) => Promise<unknown>;

interface Subject {
  readonly packages?: readonly string[];
  /** Makes one in so many of the calls: it is that slow. */
  readonly share?: number;
  readonly make: () => Get | Promise<Get>;
}

export const subjects: Readonly<Record<string, Subject>> = {
  'raw fetch': { make: () => async (url, signal) => (await fetch(url, { signal })).json() },
  'AbortSignal.any and timeout, then fetch': {
    share: 10,
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
    share: 10,
    async make() {
      const { default: kyoa } = await import('../../src/index.ts');
      return (url, signal) => kyoa.get(url, { signal }).json();
    },
  },
  ky: {
    packages: ['ky'],
    share: 10,
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
  const left = (await heap()) - before;
  const listeners = getEventListeners(signal, 'abort').length;

  holds = true;
  const empty = await heap();
  const answers = Array.from({ length: inFlight }, (_, call) => get(`http://api.example/users/${call}`, signal));
  while (waiting.length < inFlight) await new Promise(setImmediate);
  const held = ((await heap()) - empty) / inFlight;
  for (const answer of waiting) answer();
  await Promise.all(answers);
  return { held, calls, left, listeners };
}

/** What is left after a collection; finalizers get their turn in between. */
async function heap(): Promise<number> {
  for (let round = 0; round < 5; round += 1) {
    gc!();
    await new Promise(setImmediate);
  }
  return process.memoryUsage().heapUsed;
}

if (import.meta.main) {
  process.send!(await measure(JSON.parse(process.argv[2]!) as Task));
  process.exit(); // some leave timers behind
}
