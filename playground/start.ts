/** `npm start`: plain fetch and kyoa side by side, against the bundled flaky server. */
import { count } from './terminal/figures.ts';
import { help, readFlags } from './terminal/flags.ts';
import type { Flags } from './terminal/flags.ts';
import { startFlaky } from './server/flaky.ts';
import type { Flaky } from './server/flaky.ts';
import { createPaint } from './terminal/paint.ts';
import { run } from './terminal/run.ts';
import { losses, verdict } from './terminal/summary.ts';

/** ms; long enough for any answer that is still worth having. */
const PATIENCE = 5_000;

const out = process.stdout;
const paint = createPaint(out);

await main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
});

async function main(): Promise<void> {
  const flags = readFlags(process.argv.slice(2));
  if (flags.help) return say(help);

  const flaky = await startFlaky({ settings: { ...flags.preset.settings, seed: flags.seed } });
  const interrupt = new AbortController();
  const stop = (): void => interrupt.abort();
  process.once('SIGINT', stop); // the second one ends the process, as ever
  try {
    introduce(flags, flaky);
    const standings = await run({ flags, flaky, patience: PATIENCE, out, paint, stop: interrupt.signal });
    const details = losses(standings, PATIENCE).map((line) => paint('dim', line));
    say('', paint('bold', verdict(standings)), '', ...details, ...(details.length > 0 ? [''] : []));
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
