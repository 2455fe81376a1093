/** Runs in Node before the browser lane: starts what its pages talk to and hands them the addresses. */
import type { TestProject } from 'vitest/node';

import { faultServer } from './faults.ts';
import type { Origins } from './faults/outcome.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** Of the fault server. In a test: `const origins = inject('origins')`. */
    origins: Origins;
  }
}

export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const server = await faultServer();
  const { origin, refused, tlsStall, control } = server;
  project.provide('origins', { origin, refused, tlsStall, control });
  return () => server.close();
}
