/** Runs axe in a page. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import type { Page } from 'playwright';

import { root } from '../../support/lanes.ts';

const axe = readFileSync(join(root, 'node_modules/axe-core/axe.min.js'), 'utf8');

interface Axe {
  run(): Promise<{
    readonly violations: readonly { readonly id: string; readonly nodes: readonly { html: string }[] }[];
  }>;
}

/** Each broken rule, with the elements that break it. */
export async function violations(page: Page): Promise<string[]> {
  // This bypasses the policy of the page, which forbids scripts from elsewhere.
  if (!(await page.evaluate(() => 'axe' in globalThis))) await page.evaluate(axe);
  return page.evaluate(async () => {
    const { violations } = await (globalThis as unknown as { axe: Axe }).axe.run();
    return violations.flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html.slice(0, 160)}`));
  });
}
