/** Uploads a file in parts, with its progress, in every browser. A part that fails is sent again, and not the whole file. */
import type { Kyoa } from 'kyoa';

const partSize = 5 * 1024 * 1024;

/** The server stores each part at the place that `Content-Range` names. `onProgress` receives 0 to 1. */
export async function upload(
  api: Kyoa,
  url: string,
  file: Blob,
  onProgress: (ratio: number) => void = () => {},
): Promise<void> {
  for (let start = 0; start < file.size; start += partSize) {
    const end = Math.min(start + partSize, file.size);
    await api.put(url, {
      body: file.slice(start, end), // a view of the file: nothing is copied
      headers: { 'content-range': `bytes ${start}-${end - 1}/${file.size}` },
    });
    onProgress(end / file.size);
  }
}
