/** What the tests of the page do and read. */
import type { Page } from 'playwright';
import { expect } from 'vitest';

export const layers = (page: Page): Promise<string[]> => page.locator('.layer-name b').allTextContents();
export const rings = (page: Page): Promise<string[]> => page.locator('.skin text').allTextContents();
export const success = (lane: 'plain' | 'kyoa'): string => `.duel-${lane} td:nth-child(2)`;
export const press = (page: Page, name: string): Promise<void> =>
  page.getByRole('button', { name, exact: true }).click();

/** Waits until the text of the element matches. The page writes five times a second. */
export async function until(page: Page, selector: string, passes: RegExp): Promise<void> {
  await expect.poll(() => page.locator(selector).first().textContent(), { timeout: 15_000 }).toMatch(passes);
}
