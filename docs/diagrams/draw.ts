/** `npm run docs:draw`: draws the pictures of the pages anew. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { onion } from './onion.ts';
import { stories } from './stories.ts';
import { timeline } from './timeline.ts';

export function drawings(): Record<string, string> {
  const drawn = Object.entries(stories).map(([policy, story]) => [`${policy}.svg`, timeline(story)] as const);
  return { ...Object.fromEntries(drawn), 'onion.svg': onion() };
}

if (import.meta.main) {
  for (const [file, svg] of Object.entries(drawings())) writeFileSync(join(import.meta.dirname, file), svg);
}
