import { spawnSync } from 'node:child_process';

/** The process can write no file beyond this size, as on a full disk. Without `bytes`, as many as before. */
export function limitFileSize(pid: number, bytes?: number): void {
  const { status, stderr } = spawnSync('prlimit', ['--pid', String(pid), `--fsize=${bytes ?? 'unlimited'}:unlimited`]);
  // The process may just have been killed.
  if (status !== 0 && !String(stderr).includes('No such process')) throw new Error(`prlimit failed: ${String(stderr)}`);
}
