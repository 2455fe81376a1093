/** Runs in Node before the browser lane. It starts the servers of the pages and provides their addresses. */
import type { TestProject } from 'vitest/node';

import { faultServer } from './faults.ts';
import type { Origins } from './faults/outcome.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** The addresses of the fault server. A test reads them with `inject('origins')`. */
    origins: Origins;
  }
}

export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const server = await faultServer();
  const { origin, refused, tlsStall, control } = server;
  project.provide('origins', { origin, refused, tlsStall, control });
  return () => server.close();
}
