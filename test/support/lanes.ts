/** The lanes, which decide where each test runs. The runner and the config of vitest both read them. */
import { existsSync, globSync } from 'node:fs';
import { join } from 'node:path';

export const root: string = join(import.meta.dirname, '../..');

export interface Lane {
  readonly what: string;
  readonly include: readonly string[];
  readonly exclude: readonly string[];
  /** `npm test` leaves it out: it has a script of its own. */
  readonly isApart?: boolean;
}

const suffixes = ['dom', 'browser', 'redis', 'etcd', 'nginx', 'pages'].map((suffix) => `test/**/*.${suffix}.test.ts`);

export const lanes = {
  node: { what: 'Node', include: ['test/**/*.test.ts'], exclude: suffixes },
  dom: { what: 'happy-dom', include: ['test/**/*.dom.test.ts', 'test/isomorphic/**/*.test.ts'], exclude: [] },
  browser: { what: 'Chromium', include: ['test/**/*.browser.test.ts'], exclude: [] },
  redis: { what: 'a real Redis', include: ['test/**/*.redis.test.ts'], exclude: [] },
  etcd: { what: 'a real etcd', include: ['test/**/*.etcd.test.ts'], exclude: [] },
  nginx: { what: 'a real nginx', include: ['test/**/*.nginx.test.ts'], exclude: [] },
  pages: {
    what: 'the site and the playground, used as a visitor does',
    include: ['test/**/*.pages.test.ts'],
    exclude: [],
    isApart: true,
  },
} as const satisfies Record<string, Lane>;

export type LaneName = keyof typeof lanes;

export function filesOf(lane: LaneName): string[] {
  const { include, exclude } = lanes[lane];
  return globSync(include, { cwd: root, exclude });
}

/** The installed browser. The download of Playwright is not used. */
export function findChromium(): string | undefined {
  const named = process.env['CHROMIUM_PATH'];
  return named
    ? existing([named])
    : existing(['chromium', 'chromium-browser', 'google-chrome'].map((name) => `/usr/bin/${name}`));
}

export function findRedis(): string | undefined {
  return onPath('redis-server');
}

export function findEtcd(): string | undefined {
  return onPath('etcd');
}

export function findNginx(): string | undefined {
  return onPath('nginx') ?? existing(['/usr/sbin/nginx']); // the PATH of a user may lack sbin
}

export function findPrometheus(): string | undefined {
  return onPath('prometheus');
}

/** promtool is installed with Prometheus. */
export function findPromtool(): string | undefined {
  return onPath('promtool');
}

function onPath(command: string): string | undefined {
  const folders = (process.env['PATH'] ?? '').split(':');
  return existing(folders.map((folder) => join(folder, command)));
}

function existing(paths: readonly string[]): string | undefined {
  return paths.find((path) => existsSync(path));
}
