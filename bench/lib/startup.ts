/** Imports one module and says how long it took. Run by `bench/startup.ts` in a process of its own. */
export interface Figures {
  /** ms */
  readonly time: number;
  /** What the heap grew by, garbage of the loading included, bytes. */
  readonly heap: number;
}

if (import.meta.main) {
  const { specifier } = JSON.parse(process.argv[2]!) as { specifier: string };
  void globalThis.fetch; // Node loads its own undici when it is first asked for
  const { heapUsed } = process.memoryUsage();
  const started = performance.now();
  await import(specifier);
  const time = performance.now() - started;
  process.send!({ time, heap: process.memoryUsage().heapUsed - heapUsed } satisfies Figures);
  process.exit();
}
