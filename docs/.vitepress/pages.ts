/** What the site has beside the Markdown of docs: the sidebar, and a page for each file to which a page links. */
import { existsSync, globSync, readFileSync, statSync } from 'node:fs';
import { basename, extname, join, posix } from 'node:path';

export const docs: string = join(import.meta.dirname, '..');
export const root: string = join(docs, '..');

/** Pages outside docs that the site has as well. */
const beyond = ['CHANGELOG.md', 'CONTRIBUTING.md', 'SECURITY.md'];

interface Group {
  collapsed: boolean;
  text: string;
  items: { text: string; link: string }[];
}

/** The groups of the menu: the headings of docs/README.md with the links below them, each page once. */
export function sidebar(): Group[] {
  const [, ...sections] = readFileSync(join(docs, 'README.md'), 'utf8').split(/^#+ /m);
  const seen = new Set<string>();
  return sections.map((section, index) => {
    const links = Array.from(section.matchAll(/\[([^\]]+)\]\(([^)#]+)\.md\)/g), ([, text, page]) => ({
      text: named(text!, page!),
      link: `/${page}`,
    }));
    const items = links.filter(({ link }) => !seen.has(link) && seen.add(link));
    return { collapsed: false, text: index === 0 ? 'Start' : section.slice(0, section.indexOf('\n')), items };
  });
}

/** A policy has its own name. A link within a sentence, which begins in lower case, has the title of its page. */
function named(text: string, page: string): string {
  if (text.startsWith('`')) return text.replaceAll('`', '');
  if (/^[^a-z]/.test(text)) return text;
  return /^# (.*)$/m.exec(readFileSync(join(docs, `${page}.md`), 'utf8'))?.[1] ?? text;
}

/** The pages that describe one policy each. The name of the page is that of the policy. */
export function policyPages(): string[] {
  return globSync(['policies/*.md', 'idempotency.md'], { cwd: docs });
}

/** The file of this repository to which a link of a page of the site leads; nothing for a link to elsewhere. */
export function fileOf(href: string, page: string): string | undefined {
  if (/^[a-z]+:|^[#/]/.test(href)) return undefined;
  const file = page.startsWith('repository/') ? page.slice('repository/'.length) : `docs/${page}`;
  return posix.join(posix.dirname(file), href.split('#')[0]!);
}

/** The page of the site that shows a file of this repository. The sidebar takes the place of docs/README.md. */
export function pageOf(file: string): string {
  if (file === 'README.md' || file === 'docs/README.md') return 'index.md';
  const path = file.startsWith('docs/') ? file.slice('docs/'.length) : `repository/${file}`;
  return path.endsWith('.md') ? path : `${path.replaceAll('.', '-')}.md`;
}

/** A page for each file outside the Markdown of docs to which a page links: examples, recipes, rules, the licence. */
export function sources(): { params: { file: string }; content: string }[] {
  const pages = [...globSync('docs/**/*.md', { cwd: root, exclude: ['**/[[]*'] }), ...beyond];
  const links = pages.flatMap((page) => {
    const hrefs = readFileSync(join(root, page), 'utf8').matchAll(/\]\(([^)\s]+)\)/g);
    return Array.from(hrefs, ([, href]) => fileOf(href!, pageOf(page)));
  });
  const files = new Set(links.filter((file) => file !== undefined).filter(isSource));
  return [...beyond, ...files].map((file) => {
    const text = readFileSync(join(root, file), 'utf8').trimEnd();
    const language = extname(file).slice(1) || 'text';
    const content = language === 'md' ? text : `# ${basename(file)}\n\n\`\`\`\`${language}\n${text}\n\`\`\`\`\n`;
    return { params: { file: pageOf(file).replace(/\.md$/, '') }, content };
  });
}

function isSource(file: string): boolean {
  const path = join(root, file);
  return !/\.(md|svg|png)$/.test(file) && existsSync(path) && statSync(path).isFile();
}
