/** A process that bench/proof-upload.ts kills. It uploads a file, or goes on with it, and writes the URL of the upload. */
import { createReadStream, openAsBlob } from 'node:fs';

import { file } from '../adapters/storage/file.ts';
import kyoa from '../src/index.ts';
import { upload } from '../src/upload.ts';
import { load } from './lib/load.ts';
import type { TusClient } from './lib/tus-client.ts';

const [client, url = '', path = '', state = ''] = process.argv.slice(2);

console.log(await (client === 'kyoa' ? withKyoa() : withTus()));

async function withKyoa(): Promise<string> {
  const storage = file(`${state}.db`);
  const uploaded = await upload(kyoa, url, await openAsBlob(path), { requestId: path, storage });
  await storage.close();
  return uploaded.url;
}

async function withTus(): Promise<string> {
  const tus = await load<TusClient>('tus-js-client');
  const urlStorage = new tus.FileUrlStorage(`${state}.json`);
  return new Promise((resolve, reject) => {
    const sending = new tus.Upload(createReadStream(path), {
      endpoint: url,
      urlStorage,
      onError: reject,
      onSuccess: () => resolve(sending.url!),
    });
    void sending.findPreviousUploads().then(([previous]) => {
      if (previous) sending.resumeFromPreviousUpload(previous);
      sending.start();
    }, reject);
  });
}
