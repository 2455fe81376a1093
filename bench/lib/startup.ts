/** Measures the import of one module. `bench/startup.ts` runs this module in a process of its own. */
export interface Figures {
  /** ms */
  readonly time: number;
  /** The growth of the heap, including the garbage of the import, bytes. */
  readonly heap: number;
}

if (import.meta.main) {
  const { specifier } = JSON.parse(process.argv[2]!) as { specifier: string };
  void globalThis.Response; // Node loads its bundled undici on the first access, but not on that of `fetch`
  const { heapUsed } = process.memoryUsage();
  const started = performance.now();
  await import(specifier);
  const time = performance.now() - started;
  process.send!({ time, heap: process.memoryUsage().heapUsed - heapUsed } satisfies Figures);
  process.exit();
}
