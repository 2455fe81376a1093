/** Finds or installs a tool that is not an npm package. */
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';

export interface Tool {
  readonly name: string;
  /** Of Debian. */
  readonly package: string;
  readonly find: () => string | undefined;
}

/** The path of the tool, which is installed if this is Debian and the user is root. Else it throws the command that installs it. */
export function provided({ name, package: debian, find }: Tool): string {
  const found = find();
  if (found !== undefined) return found;
  const install = ['install', '-y', '--no-install-recommends', debian];
  if (process.getuid?.() !== 0 || !existsSync('/etc/debian_version')) {
    throw new Error(`${name} not found. Install with: sudo apt-get update && sudo apt-get ${install.join(' ')}`);
  }
  console.log(`${name} not found: installing with apt-get (this is Debian, and the user is root).`);
  const wait = ['-qq', '-o', 'DPkg::Lock::Timeout=300'];
  const options = { stdio: 'inherit', env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } } as const;
  execFileSync('apt-get', [...wait, 'update'], options);
  execFileSync('apt-get', [...wait, ...install], options);
  const path = find();
  if (path === undefined) throw new Error(`${name} was installed but is not found.`);
  return path;
}
