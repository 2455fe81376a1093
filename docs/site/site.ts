/** Builds the pages as a static site: Markdown becomes HTML, and pictures and examples are copied. */
import { globSync, readFileSync } from 'node:fs';
import { dirname, join, posix } from 'node:path';

import { Marked, type Tokens } from 'marked';

const docs = join(import.meta.dirname, '..');
const root = join(docs, '..');
/** Files outside docs that pages link to. Each has the same path on the site, and is copied as text. */
const beyond = [
  'LICENSE',
  'CONTRIBUTING.md',
  'CHANGELOG.md',
  'SECURITY.md',
  '.ci/run',
  ...globSync('test/recipes/*.recipe.ts', { cwd: root }),
];

/** The path and the content of each file of the site. */
export function site(): Map<string, string | Buffer> {
  const pages = globSync('**/*.md', { cwd: docs }).sort();
  const assets = [...globSync(['**/*.svg', 'examples/*', 'operations/*'], { cwd: docs }), 'site/style.css'];
  const pictures = globSync('**/*.png', { cwd: docs });
  return new Map<string, string | Buffer>([
    ...pages.map((page) => [addressOf(page), pageOf(page)] as const),
    ...assets.map((asset) => [asset, readFileSync(join(docs, asset), 'utf8')] as const),
    ...pictures.map((picture) => [picture, readFileSync(join(docs, picture))] as const),
    ['front.html', pageOf('../README.md')],
    ...beyond.map((file) => [file, readFileSync(join(root, file), 'utf8')] as const),
  ]);
}

/** `policies/retry.md` is at `policies/retry.html`, a README at `index.html`, that of the repository at `front.html`. */
function addressOf(page: string): string {
  if (page === '../README.md') return 'front.html';
  return page.replace(/README\.md$/, 'index.md').replace(/\.md$/, '.html');
}

function pageOf(page: string): string {
  const markdown = readFileSync(join(docs, page), 'utf8');
  const title = /^# (.*)$/m.exec(markdown)?.[1] ?? page;
  const here = addressOf(page);
  const up = posix.relative(dirname(here), '.') || '.';
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>${escape(title)} – kyoa</title>
<link rel="stylesheet" href="${up}/site/style.css">
<div class="page">
<nav aria-label="Pages">${navigation(here)}</nav>
<main>
${render(markdown, page, here)}
</main>
</div>
</html>
`;
}

/** The links of docs/README.md, as a menu. */
function navigation(here: string): string {
  const index = readFileSync(join(docs, 'README.md'), 'utf8');
  const links = Array.from(index.matchAll(/\[([^\]]+)\]\(([^)]+\.md)\)/g), ([, text, page]) => {
    const address = addressOf(page!);
    const current = address === here ? ' aria-current="page"' : '';
    return `<li><a href="${relative(here, address)}"${current}>${marked(here).parseInline(text!) as string}</a></li>`;
  });
  return `<a href="${relative(here, 'index.html')}">kyoa</a><ul>${links.join('')}</ul>`;
}

function render(markdown: string, page: string, here: string): string {
  return marked(here, page).parse(markdown) as string;
}

function marked(here: string, page = 'README.md'): Marked {
  const anchors = new Map<string, number>();
  const from = posix.dirname(page);
  return new Marked({
    walkTokens(token) {
      if (token.type === 'link' || token.type === 'image') token['href'] = target(String(token['href']), from, here);
      if (token.type === 'html') token['text'] = pictured(String(token['text']), from, here);
    },
    renderer: {
      heading({ tokens, depth, text }: Tokens.Heading): string {
        return `<h${depth} id="${unique(slug(text), anchors)}">${this.parser.parseInline(tokens)}</h${depth}>\n`;
      },
      code({ text, lang }: Tokens.Code): string {
        const language = (lang ?? '').split(' ')[0];
        return `<pre tabindex="0"><code class="language-${language}">${escape(text)}</code></pre>\n`;
      },
    },
    hooks: {
      postprocess: (html) =>
        html.replaceAll('<table>', '<div class="table" tabindex="0"><table>').replaceAll('</table>', '</table></div>'),
    },
  });
}

/** The target of a page's link on the site. */
function target(href: string, from: string, here: string): string {
  if (/^[a-z]+:|^#/.test(href)) return href;
  const [path = '', anchor] = href.split('#');
  // The front page links to docs/storage.md and LICENSE, the pages of docs to storage.md and ../LICENSE.
  const file = posix.join(from, path).replace(/^\.\.\/docs\//, '');
  const address = beyond.includes(file.slice(3)) ? file.slice(3) : addressOf(file);
  return relative(here, address) + (anchor === undefined ? '' : `#${anchor}`);
}

/** Rewrites the sources of pictures in HTML, which have one file for light and one for dark. */
function pictured(html: string, from: string, here: string): string {
  return html.replace(/(?<= (?:src|srcset)=")[^"]+/g, (href) => target(href, from, here));
}

function relative(here: string, there: string): string {
  return posix.relative(posix.dirname(here), there);
}

/** The anchor that GitHub gives a heading, so that one link works on both: lower case, no punctuation, dashes for spaces. */
export function slug(heading: string): string {
  const text = heading.replace(/\[([^\]]*)\]\([^)]*\)/g, '$1').toLowerCase();
  return text.replace(/[^\p{L}\p{N}\s_-]/gu, '').replace(/\s/g, '-');
}

function unique(anchor: string, anchors: Map<string, number>): string {
  const times = anchors.get(anchor) ?? 0;
  anchors.set(anchor, times + 1);
  return times === 0 ? anchor : `${anchor}-${times}`;
}

function escape(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}
