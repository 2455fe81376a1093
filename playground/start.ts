/** `npm start`: plain fetch and kyoa side by side, against the bundled flaky server; then the playground that it serves. */
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

/** ms; long enough for any answer that is still worth having. */
const PATIENCE = 5_000;
/** Further ports for the page, which has six connections to each: enough for 200 calls a second, most of a second long. */
const DOORS = 32;

const UNBUILT = 'The page is not built, as npm start would have; the API is served until Ctrl-C';
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
  process.once('SIGINT', stop); // the second one ends the process, as ever
  try {
    introduce(flags, flaky);
    const standings = await run({ flags, flaky, patience: PATIENCE, out, paint, stop: interrupt.signal });
    const details = losses(standings, PATIENCE).map((line) => paint('dim', line));
    say('', paint('bold', verdict(standings)), '', ...details, ...(details.length > 0 ? [''] : []));
    if (flags.once) return;

    flaky.change({ seed: flags.seed }); // what comes now begins the script anew
    say(site ? `playground   ${paint('cyan', flaky.url)}   until Ctrl-C` : UNBUILT, '');
    if (!interrupt.signal.aborted) await once(interrupt.signal, 'abort');
  } finally {
    process.off('SIGINT', stop);
    await flaky.close();
  }
}

function introduce({ name, preset, seed, seconds, rate }: Flags, { url }: Flaky): void {
  const calls = `${count(rate)} a second for ${seconds} s each way`;
  say(
    '',
    `${paint('bold', 'kyoa')}      the same calls through plain fetch and through kyoa`,
    '',
    `server    ${paint('cyan', url)}`,
    `weather   ${name}: ${preset.about}`,
    `calls     ${calls}, lost without a whole answer in ${PATIENCE / 1_000} s`,
    `chance    seed ${seed}, the same mishaps in the same order for both`,
    '',
  );
}

function say(...lines: readonly string[]): void {
  out.write(lines.map((line) => (line ? `  ${line}\n` : '\n')).join(''));
}
