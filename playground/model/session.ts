/** The state behind the page: the network, the configuration, and the current run. */
import { indexeddb } from 'kyoa/indexeddb';
import type { Network } from '../network/network.ts';
import { presets } from '../network/presets.ts';
import { findServer } from '../network/server-network.ts';
import { change } from '../network/settings.ts';
import type { Patch, Settings } from '../network/settings.ts';
import { simulatedNetwork } from '../network/simulated-network.ts';
import { fastest, slowest } from './configuration.ts';
import { readLink } from './link.ts';
import { createRun } from './run.ts';
import { openTabChannel } from './tab-channel.ts';
import { tickEvery } from './ticks.ts';
import { createTraffic } from './traffic.ts';
import type { Problem, Session, SessionOptions } from './types.ts';

export interface Options extends SessionOptions {
  /** @default the flaky server if it served the page, otherwise a simulated network */
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
  /** Changes of the network run one after another, so that the last one applies. */
  let queue: Promise<unknown> = Promise.resolve();
  const listeners = new Set<Parameters<Session['subscribe']>[0]>();
  const traffic = createTraffic(configuration.rate, () => run.call());

  const notify = (what: 'state' | 'payments'): void => {
    for (const listener of listeners) listener(what);
  };
  const otherTabs = openTabChannel((change) => {
    if (change === 'payments') notify('payments');
    else if (network.kind === 'server') adoptSettings().catch(fail);
  });
  const fail = (error: unknown): void => {
    fault = `The network could not be changed: ${error instanceof Error ? error.message : String(error)}`;
    notify('state');
  };
  const enqueue = (work: () => Promise<unknown>): void => {
    queue = queue.then(work).then(() => {
      if (fault === undefined) return;
      fault = undefined;
      notify('state');
    }, fail);
  };
  const changeNetwork = (settings: Patch): void => {
    enqueue(async () => {
      await network.change(settings);
      otherTabs.report('settings');
    });
  };
  /** Reads the settings of the server, which another tab or the command line of `npm start` may have changed. */
  const adoptSettings = async (): Promise<void> => {
    const settings = await network.settings();
    const [preset] = Object.entries(presets).find(([, each]) => isSame(each.settings, settings)) ?? [];
    configuration = { ...configuration, settings, preset: preset ?? configuration.preset };
    notify('state');
  };
  /** Starts the traffic after the queued changes, so that the first call gets the first fate of a new sequence. */
  const startTraffic = (): void => {
    enqueue(async () => running && traffic.start());
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
      startTraffic();
      ticking = setInterval(() => run.tick(), tickEvery);
      notify('state');
    },
    stop() {
      if (!running) return;
      running = false;
      traffic.stop();
      clearInterval(ticking);
      notify('state');
    },
    reset() {
      const before = run;
      run = createRun(network);
      install();
      before.close().catch(fail);
      traffic.stop();
      changeNetwork(configuration.settings); // the seed among them restarts the sequences of fates
      startTraffic();
      notify('state');
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
      if (settings !== undefined) changeNetwork(withoutSeed(settings, seed));
      notify('state');
    },
    changeSettings(patch) {
      const { seed } = configuration.settings;
      const settings = change(configuration.settings, patch);
      configuration = { ...configuration, settings };
      changeNetwork(withoutSeed(settings, seed));
      notify('state');
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
      otherTabs.report('payments');
      notify('payments');
      return result;
    },
    payments: network.payments,
    async clearPayments() {
      await network.clearPayments();
      otherTabs.report('payments');
      notify('payments');
    },
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    close() {
      session.stop();
      listeners.clear();
      otherTabs.close();
      Promise.all([queue, run.close()])
        .then(() => network.close())
        .catch(() => {}); // no listener is left that could show the error
    },
  };

  install();
  if (network.kind === 'server' && !link.hasSettings) await adoptSettings();
  else changeNetwork(configuration.settings);
  await queue;
  return session;
}

/** Omits a seed that has not changed, because every seed that the network receives restarts the sequences of fates. */
function withoutSeed(settings: Settings, before: number): Patch {
  const { seed, ...others } = settings;
  return seed === before ? others : settings;
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
