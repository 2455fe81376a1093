/**
 * Part of `npm run lint`: counts words that make prose hard to read, in code, docs and tests. The count of each word may
 * only fall: `prose.json` has the highest that is allowed. `--write` lowers it to the present count, as `npm run format` does.
 */
import { globSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Each word, and what to write in its place. */
const banned: Readonly<Record<string, string>> = {
  aboard: 'that shares the request',
  answer: 'response (the event `attempt.answered` keeps its name)',
  beneath: 'inner, inside, below',
  everybody: 'each caller, all callers',
  'let go': 'discarded, released',
  'lets go': 'discards, releases',
  nobody: 'no caller, no code, not',
  somebody: 'a caller, another caller',
  stands: 'is placed, is',
  tells: 'reports, returns',
  told: 'reported, received',
  whatever: 'every, any, regardless of',
  whoever: 'the caller, the reader',
};

const files = ['{src,adapters,playground,bench,test,docs}/**/*.{ts,md,html,css}', '*.md'];
const root = join(import.meta.dirname, '..');
const limitsFile = fileURLToPath(new URL('prose.json', import.meta.url));

const counts = new Map(Object.keys(banned).map((word) => [word, [] as string[]]));
for (const file of globSync(files, { cwd: root, exclude: ['**/node_modules/**', '**/dist/**', 'test/prose.ts'] })) {
  readFileSync(join(root, file), 'utf8')
    .split('\n')
    .forEach((line, index) => {
      for (const [word, places] of counts) {
        const found = line.match(new RegExp(`\\b${word}\\b`, 'gi')) ?? [];
        places.push(...found.map(() => `${file}:${index + 1}: ${line.trim()}`));
      }
    });
}

const present = Object.fromEntries(Array.from(counts, ([word, { length }]) => [word, length]));
if (process.argv.includes('--write')) writeFileSync(limitsFile, `${JSON.stringify(present, null, 2)}\n`);

const limits = JSON.parse(readFileSync(limitsFile, 'utf8')) as Record<string, number>;
for (const [word, places] of counts) {
  const limit = limits[word] ?? 0;
  if (places.length > limit) {
    console.error(places.map((place) => `  ${place}`).join('\n'));
    console.error(`"${word}" occurs ${places.length} times, ${limit} are allowed. Write: ${banned[word]}.`);
    process.exitCode = 1;
  } else if (places.length < limit) {
    console.error(
      `"${word}" occurs ${places.length} times, and ${limit} are allowed. Lower the limit: npm run format.`,
    );
    process.exitCode = 1;
  }
}
