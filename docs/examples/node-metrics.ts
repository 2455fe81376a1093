/** What prom-client's default metrics do not say of a Node process: its heap after a collection, and all of its collections. */
import { PerformanceObserver, constants } from 'node:perf_hooks';
import { getHeapSpaceStatistics, getHeapStatistics } from 'node:v8';

import { collectDefaultMetrics, Counter, Gauge, type Registry } from 'prom-client';

/** Registers the metrics that `node-alerts.yml` reads. The returned function ends the observation of collections. */
export function nodeMetrics(registry: Registry): () => void {
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  new Gauge({
    name: 'nodejs_heap_old_limit_bytes',
    help: 'The size of the old generation at which the process ends for lack of memory.',
    registers,
  }).set(oldLimit());
  const afterCollection = new Gauge({
    name: 'nodejs_heap_old_after_gc_bytes',
    help: 'The old generation after the last major collection; 0 before the first.',
    registers,
  });
  const collecting = new Counter({ name: 'nodejs_gc_seconds_total', help: 'The time in collections.', registers });

  const collections = new PerformanceObserver((list) => {
    // prom-client 15 reads the first entry of each list only.
    for (const entry of list.getEntries()) {
      collecting.inc(entry.duration / 1_000);
      const { kind } = (entry as unknown as Collection).detail;
      if (kind === constants.NODE_PERFORMANCE_GC_MAJOR) afterCollection.set(oldUsed());
    }
  });
  collections.observe({ entryTypes: ['gc'] });
  return () => collections.disconnect();
}

/** An entry of the type `gc`. */
interface Collection {
  readonly detail: { readonly kind: number };
}

function oldUsed(): number {
  const old = getHeapSpaceStatistics().filter(({ space_name: name }) => !name.startsWith('new_'));
  return old.reduce((sum, space) => sum + space.space_used_size, 0);
}

/** V8's limit includes the young generation, of up to 192 MB: a process with 256 MB for the old one ends at 57 % of it. */
function oldLimit(): number {
  const flags = [...process.execArgv, process.env['NODE_OPTIONS'] ?? ''].join(' ');
  const megabytes = /--max[-_]old[-_]space[-_]size=(\d+)/.exec(flags)?.[1];
  return megabytes === undefined ? getHeapStatistics().heap_size_limit : Number(megabytes) * 2 ** 20;
}
