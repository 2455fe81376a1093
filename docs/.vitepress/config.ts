/** The site: `npm run docs` builds it from the Markdown of docs, with the playground inside. */
import { execFileSync } from 'node:child_process';
import { cpSync } from 'node:fs';
import { join } from 'node:path';

import { defineConfig } from 'vitepress';

import { repositoryLinks, withoutPictures, withPlayground } from './markdown.ts';
import { root, sidebar } from './pages.ts';
import { slug } from './slug.ts';

const themeFolder = join(import.meta.dirname, 'theme');

export default defineConfig({
  title: 'kyoa',
  description:
    'Resilient fetch as middleware: timeouts, retries, hedging, idempotency, circuit breaking, token renewal, and downloads, ' +
    'uploads, event streams and an outbox that go on after a break.',
  lang: 'en',
  srcExclude: ['README.md'],
  outDir: join(root, 'site'),
  cacheDir: join(root, 'node_modules/.cache/vitepress'),
  markdown: {
    anchor: { slugify: slug },
    config(md) {
      md.core.ruler.push('repository links', repositoryLinks);
      md.core.ruler.push('playground', withPlayground);
      md.core.ruler.push('pictures', withoutPictures);
    },
  },
  themeConfig: {
    logo: '/logo.svg',
    sidebar: sidebar(),
    nav: [
      { text: 'Getting started', link: '/getting-started' },
      { text: 'Policies', link: '/policies/timeout', activeMatch: '/policies/' },
      { text: 'Playground', link: '/playground' },
      { text: 'In production', link: '/production' },
      { text: 'Benchmarks', link: '/benchmarks' },
    ],
    socialLinks: [{ icon: 'github', link: 'https://github.com/kyoa/kyoa' }],
    outline: [2, 3],
    notFound: {
      title: 'There is no such page',
      quote: 'The search and the menu lead to every page.',
      linkText: 'To the front page',
      linkLabel: 'To the front page',
    },
    search: { provider: 'local' },
  },
  transformPageData({ relativePath, frontmatter }) {
    if (relativePath === 'playground.md') Object.assign(frontmatter, { aside: false, pageClass: 'wide' });
  },
  transformHead: ({ siteData: { base } }) => [
    ['link', { rel: 'icon', href: `${base}logo.svg` }],
    ['script', { type: 'module', src: `${base}play/embed.js` }], // defines `<kyoa-live>`
  ],
  buildEnd({ outDir }) {
    const rollup = join(root, 'node_modules/rollup/dist/bin/rollup');
    const options = ['--config', 'playground/rollup.config.mjs', '--silent'];
    execFileSync(process.execPath, [rollup, ...options], { cwd: root, stdio: 'inherit' });
    cpSync(join(root, 'playground/dist'), join(outDir, 'play'), { recursive: true });
  },
  vue: { template: { compilerOptions: { isCustomElement: (tag) => tag === 'kyoa-live' } } },
  vite: {
    resolve: {
      // The switch of the default theme has no state for the system's theme.
      alias: [{ find: /^.*\/VPSwitchAppearance\.vue$/, replacement: join(themeFolder, 'ThemeChoice.vue') }],
    },
  },
});
