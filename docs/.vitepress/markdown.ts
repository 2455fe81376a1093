/** What the Markdown of the repository becomes on the site, and not in a repository browser. */
import { basename } from 'node:path';

import type { MarkdownEnv } from 'vitepress';

import { fileOf, pageOf, policyPages } from './pages.ts';

interface Token {
  type: string;
  tag: string;
  content: string;
  children: Token[] | null;
  attrGet(name: string): string | null;
  attrSet(name: string, value: string): void;
}

interface State {
  tokens: Token[];
  env: MarkdownEnv;
  Token: new (type: string, tag: string, nesting: -1 | 0 | 1) => Token;
}

const withLive = policyPages();

/** Leads links to files outside the Markdown of docs to their page on the site. */
export function repositoryLinks({ tokens, env }: State): void {
  for (const token of tokens.flatMap(({ children }) => children ?? [])) {
    const href = token.type === 'link_open' ? token.attrGet('href') : null;
    const file = href === null ? undefined : fileOf(href, env.relativePath);
    if (file === undefined) continue;
    const anchor = /#.*/.exec(href!)?.[0] ?? '';
    token.attrSet('href', `/${pageOf(file)}${anchor}`);
  }
}

/** Places a small playground before the first section of a policy's page. Its script replaces the link. */
export function withPlayground({ tokens, env, Token }: State): void {
  if (!withLive.includes(env.relativePath)) return;
  const policy = basename(env.relativePath, '.md');
  const section = tokens.findIndex(({ type, tag }) => type === 'heading_open' && tag === 'h2');
  const link = `<a href="${play(env)}" target="_self">Open the playground</a>`;
  tokens.splice(section, 0, html(Token, `<kyoa-live policy="${policy}">${link}</kyoa-live>\n`));
}

/** Replaces the pictures of the playground by the playground. */
export function withoutPictures(state: State): void {
  if (state.env.relativePath !== 'playground.md') return;
  let isFirst = true;
  for (const [index, token] of state.tokens.entries()) {
    if (token.type !== 'html_block' || !token.content.startsWith('<picture>')) continue;
    state.tokens[index] = html(state.Token, isFirst ? frame(play(state.env)) : '');
    isFirst = false;
  }
}

function frame(address: string): string {
  return `<p><a href="${address}" target="_self">Open the playground in a page of its own</a></p>
<iframe class="playground" src="${address}" title="The playground" loading="lazy"></iframe>\n`;
}

/** The address of the playground, from a page. */
function play({ relativePath }: MarkdownEnv): string {
  return `${'../'.repeat(relativePath.split('/').length - 1)}play/index.html`;
}

function html(Token: State['Token'], content: string): Token {
  return Object.assign(new Token('html_block', '', 0), { content });
}
