/** Runs in Node before the browser lane. It starts the servers of the pages and provides their addresses. */
import type { TestProject } from 'vitest/node';

import { brokenServer } from './broken.ts';
import { faultServer } from './faults.ts';
import type { Origins } from './faults/outcome.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** The addresses of the fault server. A test reads them with `inject('origins')`. */
    origins: Origins;
    /** The origin of a server whose bodies break off. */
    broken: string;
  }
}

export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const [server, broken] = await Promise.all([faultServer(), brokenServer()]);
  const { origin, refused, tlsStall, control } = server;
  project.provide('origins', { origin, refused, tlsStall, control });
  project.provide('broken', broken.origin);
  return async () => {
    await Promise.all([server.close(), broken.close()]);
  };
}
