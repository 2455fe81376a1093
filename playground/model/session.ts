/** All that the page shows and drives: a network, a configuration, and the run that is under way. */
import { indexeddb } from 'kyoa/indexeddb';
import type { Network } from '../network/network.ts';
import { presets } from '../network/presets.ts';
import { findServer } from '../network/server-network.ts';
import { change } from '../network/settings.ts';
import type { Patch, Settings } from '../network/settings.ts';
import { simulatedNetwork } from '../network/simulated-network.ts';
import { openBell } from './bell.ts';
import { fastest, slowest } from './configuration.ts';
import { readLink } from './link.ts';
import { createRun } from './run.ts';
import { tickEvery } from './ticks.ts';
import { createTraffic } from './traffic.ts';
import type { Problem, Session, SessionOptions } from './types.ts';

export interface Options extends SessionOptions {
  /** @default the flaky server that served the page, else its image within the page */
  readonly network?: Network;
}

export async function openSession(options: Options = {}): Promise<Session> {
  const link = options.link ?? readLink('');
  const network = options.network ?? (await findNetwork(link.configuration.settings));

  let configuration = link.configuration;
  let problems: readonly Problem[] = [];
  let fault: string | undefined;
  let running = false;
  let run = createRun(network);
  let ticking: ReturnType<typeof setInterval> | undefined;
  /** One wish after the other, so that the last one stands. */
  let wishes: Promise<unknown> = Promise.resolve();
  const listeners = new Set<Parameters<Session['subscribe']>[0]>();
  const traffic = createTraffic(configuration.rate, () => run.call());

  const tell = (what: 'state' | 'payments'): void => {
    for (const listener of listeners) listener(what);
  };
  const bell = openBell((news) => {
    if (news === 'payments') tell('payments');
    else if (network.kind === 'server') adopt().catch(blame);
  });
  const blame = (error: unknown): void => {
    fault = `The network does not hear: ${error instanceof Error ? error.message : String(error)}`;
    tell('state');
  };
  const wish = (work: () => Promise<unknown>): void => {
    wishes = wishes.then(work).then(() => {
      if (fault === undefined) return;
      fault = undefined;
      tell('state');
    }, blame);
  };
  const command = (settings: Patch): void => {
    wish(async () => {
      await network.change(settings);
      bell.ring('weather');
    });
  };
  /** What another tab has told the server, or its command line. */
  const adopt = async (): Promise<void> => {
    const settings = await network.settings();
    const [preset] = Object.entries(presets).find(([, each]) => isSame(each.settings, settings)) ?? [];
    configuration = { ...configuration, settings, preset: preset ?? configuration.preset };
    tell('state');
  };
  /** Once the network has heard what it is to be like: a script that begins anew begins with the first call. */
  const send = (): void => {
    wish(async () => running && traffic.start());
  };
  const install = (): void => {
    problems = run.use(configuration.stack);
  };

  const session: Session = {
    network: network.kind,
    get running() {
      return running;
    },
    get configuration() {
      return configuration;
    },
    get problems() {
      return problems;
    },
    get fault() {
      return fault;
    },
    get now() {
      return run.now();
    },
    start() {
      if (running) return;
      running = true;
      send();
      ticking = setInterval(() => run.tick(), tickEvery);
      tell('state');
    },
    stop() {
      if (!running) return;
      running = false;
      traffic.stop();
      clearInterval(ticking);
      tell('state');
    },
    reset() {
      const before = run;
      run = createRun(network);
      install();
      before.close().catch(blame);
      traffic.stop();
      command(configuration.settings); // with its seed, which begins the script again
      send();
      tell('state');
    },
    configure(wanted) {
      const preset = wanted.preset === undefined ? undefined : presets[wanted.preset];
      const { seed } = configuration.settings;
      const settings = wanted.settings ?? (preset && { ...preset.settings, seed });
      configuration = { ...configuration, ...wanted, ...(settings && { settings }) };
      if (wanted.rate !== undefined) {
        const rate = Math.min(fastest, Math.max(slowest, wanted.rate));
        configuration = { ...configuration, rate };
        traffic.change(rate);
      }
      if (wanted.stack !== undefined) install();
      if (settings !== undefined) command(withoutSeed(settings, seed));
      tell('state');
    },
    changeSettings(patch) {
      const { seed } = configuration.settings;
      const settings = change(configuration.settings, patch);
      configuration = { ...configuration, settings };
      command(withoutSeed(settings, seed));
      tell('state');
    },
    follow({ change: { settings, ...wanted }, reset }) {
      session.configure(wanted);
      if (settings !== undefined) session.changeSettings(settings);
      if (reset) session.reset();
      session.start();
    },
    layers: () => run.layers(),
    calls: () => run.calls(),
    measures: (lane) => run.measures(lane),
    ticks: () => run.ticks(),
    dots: (lane) => run.dots(lane),
    async pay(order, lane) {
      const result = await run.pay(order, lane);
      bell.ring('payments');
      tell('payments');
      return result;
    },
    payments: network.payments,
    async clearPayments() {
      await network.clearPayments();
      bell.ring('payments');
      tell('payments');
    },
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    close() {
      session.stop();
      listeners.clear();
      bell.close();
      Promise.all([wishes, run.close()])
        .then(() => network.close())
        .catch(() => {}); // whoever would hear of it has left
    },
  };

  install();
  if (network.kind === 'server' && !link.hasWeather) await adopt();
  else command(configuration.settings);
  await wishes;
  return session;
}

/** A seed that stays is not sent: it would begin every lane's script again. */
function withoutSeed(settings: Settings, before: number): Patch {
  const { seed, ...weather } = settings;
  return seed === before ? weather : settings;
}

async function findNetwork(settings: Settings): Promise<Network> {
  const origin = new URL('.', document.baseURI).href.replace(/\/$/, '');
  const isServed = document.documentElement.dataset['network'] === 'server';
  return (
    (isServed ? await findServer(origin) : undefined) ??
    simulatedNetwork({ settings, storage: indexeddb('kyoa-playground-server') })
  );
}

function isSame(one: Settings, other: Settings): boolean {
  return JSON.stringify({ ...one, seed: 0 }) === JSON.stringify({ ...other, seed: 0 });
}
