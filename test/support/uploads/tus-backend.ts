/** `@tus/server`, which keeps its uploads in a folder. */
import { mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';

import { FileStore } from '@tus/file-store';
import { Server } from '@tus/server';

import type { Backend } from './backend.ts';

export function tusBackend(directory: string, { maxSize }: { readonly maxSize?: number }): Backend {
  const datastore = new FileStore({ directory });
  const server = new Server({
    path: '/files',
    datastore,
    relativeLocation: true,
    ...(maxSize !== undefined && { maxSize }),
  });
  return {
    handle: (request, response) => void server.handle(request, response).catch(() => response.destroy()),
    bytesOf: (url) => readFile(join(directory, url.split('/').at(-1)!)),
    async forget() {
      await rm(directory, { recursive: true });
      await mkdir(directory);
    },
  };
}
