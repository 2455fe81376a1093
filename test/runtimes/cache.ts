/** Installs npm packages into a cache folder outside the repository. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

const cache = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'kyoa-runtimes');

/** The folder that has these packages in its `node_modules`: `installed('deno', ['deno@2'])`. */
export function installed(name: string, packages: readonly string[]): string {
  const folder = join(cache, name);
  const wanted = JSON.stringify(packages);
  const done = join(folder, 'installed.json');
  if (existsSync(done) && readFileSync(done, 'utf8') === wanted) return folder;
  console.log(`Installing ${packages.join(', ')} into ${folder}`);
  mkdirSync(folder, { recursive: true });
  // The scripts that put the binary of a runtime in its place.
  const allowScripts = { bun: true, deno: true, node: true, workerd: true };
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ private: true, allowScripts }));
  const flags = ['--no-audit', '--no-fund', '--loglevel', 'error'];
  execFileSync('npm', ['install', ...flags, ...packages], { cwd: folder, stdio: 'inherit' });
  writeFileSync(done, wanted);
  return folder;
}

/** The files of one package, without its dependencies. */
export function unpacked(name: string): { readonly folder: string; readonly version: string } {
  const parent = join(cache, name);
  const folder = join(parent, 'package');
  if (!existsSync(join(parent, 'unpacked'))) {
    console.log(`Unpacking ${name} into ${parent}`);
    mkdirSync(parent, { recursive: true });
    const packed = execFileSync('npm', ['pack', name, '--silent'], { cwd: parent, encoding: 'utf8' });
    execFileSync('tar', ['-xzf', packed.trim()], { cwd: parent });
    writeFileSync(join(parent, 'unpacked'), '');
  }
  return { folder, version: manifestOf(folder).version };
}

export function versionOf(folder: string, name: string): string {
  return manifestOf(join(folder, 'node_modules', name)).version;
}

function manifestOf(folder: string): { readonly version: string } {
  return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { version: string };
}
