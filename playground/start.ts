/**
 * `npm start`: sends the same calls through plain fetch and through kyoa to the flaky server, prints a table of both, and
 * then serves the playground.
 */
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { count } from './terminal/figures.ts';
import { help, readFlags } from './terminal/flags.ts';
import type { Flags } from './terminal/flags.ts';
import { startFlaky } from './server/flaky.ts';
import type { Flaky } from './server/flaky.ts';
import { createPaint } from './terminal/paint.ts';
import { run } from './terminal/run.ts';
import { openSite } from './server/site.ts';
import { losses, verdict } from './terminal/summary.ts';

/** How long a caller waits for a complete response, ms. */
const PATIENCE = 5_000;
/** Additional ports for the page, with six connections each: enough for 200 calls a second of up to one second. */
const DOORS = 32;

const UNBUILT = 'The page is not built: run npm start, which builds it. The API is served until Ctrl-C.';
const built = join(import.meta.dirname, 'dist');

const out = process.stdout;
const paint = createPaint(out);

await main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
});

async function main(): Promise<void> {
  const flags = readFlags(process.argv.slice(2));
  if (flags.help) return say(help);

  const site = existsSync(built) ? openSite(built) : undefined;
  const settings = { ...flags.preset.settings, seed: flags.seed };
  const flaky = await startFlaky({ settings, port: flags.port, doors: DOORS, ...(site && { site }) });
  const interrupt = new AbortController();
  const stop = (): void => interrupt.abort();
  process.once('SIGINT', stop); // a second SIGINT ends the process
  try {
    introduce(flags, flaky);
    const standings = await run({ flags, flaky, patience: PATIENCE, out, paint, stop: interrupt.signal });
    const details = losses(standings, PATIENCE).map((line) => paint('dim', line));
    say('', paint('bold', verdict(standings)), '', ...details, ...(details.length > 0 ? [''] : []));
    if (flags.once) return;

    flaky.change({ seed: flags.seed }); // the page gets the sequence of faults from its beginning
    say(site ? `playground   ${paint('cyan', flaky.url)}   until Ctrl-C` : UNBUILT, '');
    if (!interrupt.signal.aborted) await once(interrupt.signal, 'abort');
  } finally {
    process.off('SIGINT', stop);
    await flaky.close();
  }
}

function introduce({ name, preset, seed, seconds, rate }: Flags, { url }: Flaky): void {
  const calls = `${count(rate)} a second for ${seconds} s through each of the two`;
  const lost = `a call without a complete response in ${PATIENCE / 1_000} s is lost, and counts as endless in p50, p95 and p99`;
  say(
    '',
    `${paint('bold', 'kyoa')}      the same calls through plain fetch and through kyoa`,
    '',
    `server    ${paint('cyan', url)}`,
    `preset    ${name}: ${preset.about}`,
    `calls     ${calls};`,
    `          ${lost}`,
    `seed      ${seed}: both get the same faults in the same order`,
    '',
  );
}

function say(...lines: readonly string[]): void {
  out.write(lines.map((line) => (line ? `  ${line}\n` : '\n')).join(''));
}
