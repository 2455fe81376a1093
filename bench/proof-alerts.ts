/**
 * `npm run proof:alerts`: a real Prometheus scrapes an example and evaluates the rules of docs/operations. Each fault must
 * make its alerts fire, with the labels of the upstream or the process that is broken. Every alert must clear when the
 * fault is over. Every query of the dashboard must return data.
 *
 * The rules are those that ship, with shorter times: windows of 5 minutes become 2 s, and `for` becomes 500 ms. `--smoke`
 * starts all faults at once, and lowers the limit of KyoaPoolHeld from 30 s to 2 s.
 */
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

import { promtool, startPrometheus, type Alert } from '../test/support/prometheus.ts';
import { patient, type Illness } from './lib/patient.ts';
import { plant, type Fault } from './lib/plant.ts';

const smoke = process.argv.includes('--smoke');
const shipped = new URL('../docs/operations/', import.meta.url);
const file = (name: string): string => readFileSync(new URL(name, shipped), 'utf8');

/** The alerts that each fault must raise, and the label that identifies what is broken. */
const expected: Record<Fault | Illness, readonly (readonly [alert: string, label?: string])[]> = {
  slow: [['KyoaSlow', 'server_address']],
  failing: [['KyoaErrors', 'server_address']],
  flaky: [['KyoaErrors', 'server_address'], ['KyoaRetryBudgetExhausted']],
  down: [
    ['KyoaErrors', 'server_address'],
    ['KyoaCircuitOpen', 'key'],
  ],
  holding: [
    ['KyoaPoolBusy', 'origin'],
    ['KyoaPoolWaiting', 'origin'],
    ['KyoaPoolHeld', 'origin'],
  ],
  blocked: [['NodeEventLoopBlocked', 'instance']],
  leaking: [
    ['NodeHeapNearLimit', 'instance'],
    ['NodeCollecting', 'instance'],
  ],
  descriptors: [['NodeFileDescriptors', 'instance']],
};
const all = Object.keys(expected) as (Fault | Illness)[];
/** How long an alert may take to fire or to clear, ms. */
const patience = smoke ? 25_000 : 60_000;
/** The interval of scrapes and of checks, ms. */
const interval = 250;

const ruleFiles = ['alerts.yml', 'node-alerts.yml'];
console.log(promtool(['check', 'rules', ...ruleFiles.map((name) => new URL(name, shipped).pathname)]).trim());
const rules = ruleFiles.map((name) =>
  file(name)
    .replaceAll('[5m]', '[2s]')
    .replaceAll(/for: [15]m/g, 'for: 500ms')
    .replaceAll('_hold_seconds) > 30', smoke ? '_hold_seconds) > 2' : '_hold_seconds) > 30'),
);

const problems: string[] = [];
await using shop = await plant();
await using ill = await patient();
const prometheus = await startPrometheus({ targets: [shop.target, ill.target], rules, interval });
try {
  await until('the first scrape', () => prometheus.scrapes());
  await sleep(smoke ? 1_500 : 5_000);
  const early = await firing();
  if (early.length > 0) problems.push(`fired without a fault: ${early.map(named).join(', ')}`);

  for (const faults of smoke ? [all] : all.map((fault) => [fault])) {
    const alerts = faults.flatMap((fault) => expected[fault].map(([name, label]) => nameOf(fault, name, label)));
    const started = performance.now();
    for (const fault of faults) {
      if (isIllness(fault)) ill.start(fault);
      else shop.start(fault);
    }
    for (const alert of alerts) {
      await until(`${alert} fires`, async () => (await firing()).map(named).includes(alert));
      console.log(`${alert} fired after ${seconds(started)}`);
    }
    if (faults.includes('down')) await checkDashboard();
    const unexpected = (await firing()).map(named).filter((alert) => !alerts.includes(alert) && !follows(alert));
    if (unexpected.length > 0) problems.push(`fired unexpectedly under ${faults.join(', ')}: ${unexpected.join(', ')}`);

    const over = performance.now();
    await Promise.all(faults.map(async (fault) => (isIllness(fault) ? ill.stop(fault) : shop.stop(fault))));
    await until('all alerts clear', async () => (await prometheus.alerts()).length === 0);
    console.log(`${faults.join(', ')} over: all clear after ${seconds(over)}`);
  }
  promtool(['check', 'metrics'], await shop.registry.metrics());
  console.log('promtool check metrics: no findings');
} catch (error) {
  problems.push(String(error));
} finally {
  await prometheus.stop();
}
for (const problem of problems) console.error(problem);
console.log(problems.length === 0 ? 'proved: every alert fires and clears' : 'NOT PROVED');
process.exitCode = problems.length === 0 ? 0 : 1;

async function firing(): Promise<readonly Alert[]> {
  return (await prometheus.alerts()).filter(({ state }) => state === 'firing');
}

function isIllness(fault: Fault | Illness): fault is Illness {
  return fault === 'blocked' || fault === 'leaking' || fault === 'descriptors';
}

function nameOf(fault: Fault | Illness, name: string, label?: string): string {
  if (isIllness(fault)) return `${name} ${ill.target}`;
  const origin = shop.originOf(fault);
  return `${name} ${label === undefined ? 'shop' : label === 'server_address' ? new URL(origin).hostname : origin}`;
}

function named({ labels }: Alert): string {
  const { alertname, server_address: address, key, origin, instance, job } = labels;
  return `${alertname} ${address ?? key ?? origin ?? instance ?? job}`;
}

/**
 * Alerts that may fire as a consequence of another fault: slow requests hold connections, a server that is down exhausts
 * the retry budget before its circuit opens, and collections block the event loop.
 */
function follows(alert: string): boolean {
  return /^(Kyoa(Slow|Pool\w+|RetryBudgetExhausted)|NodeEventLoopBlocked) /.test(alert);
}

async function checkDashboard(): Promise<void> {
  const { panels } = JSON.parse(file('dashboard.json')) as {
    panels: { title: string; targets?: { expr: string }[] }[];
  };
  let queries = 0;
  for (const { title, targets = [] } of panels) {
    for (const { expr } of targets) {
      queries += 1;
      const query = expr.replaceAll('$__rate_interval', '2s').replaceAll('$job', '.+');
      const series = await prometheus.query(query);
      if (series.length === 0) problems.push(`the dashboard's panel "${title}" is empty: ${query}`);
    }
  }
  console.log(`${queries} queries of ${panels.length} panels of the dashboard evaluated`);
}

async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  const end = performance.now() + patience;
  while (!(await holds())) {
    if (performance.now() > end) throw new Error(`not within ${patience / 1_000} s: ${what}`);
    await sleep(interval);
  }
}

function seconds(since: number): string {
  return `${((performance.now() - since) / 1_000).toFixed(1)} s`;
}
