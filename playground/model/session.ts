/** The state behind the page: the network, the configuration, and the current run. */
import type { Network } from '../network/network.ts';
import { presets } from '../network/presets.ts';
import { change } from '../network/settings.ts';
import { createChanges } from './changes.ts';
import { fastest, isSame, slowest, usual, withoutSeed } from './configuration.ts';
import { findNetwork } from './find-network.ts';
import { readLink } from './link.ts';
import { createNetworkQueue } from './network-queue.ts';
import { createRun } from './run.ts';
import { startsAgain, stepOf } from './scenarios.ts';
import { openTabChannel } from './tab-channel.ts';
import { tickEvery } from './ticks.ts';
import { createTraffic } from './traffic.ts';
import type { Configuration, Problem, Session, SessionOptions } from './types.ts';

export interface Options extends SessionOptions {
  /** @default the flaky server if it served the page, otherwise a simulated network */
  readonly network?: Network;
}

export async function openSession(options: Options = {}): Promise<Session> {
  const link = options.link ?? readLink('');
  const network = options.network ?? (await findNetwork(link.configuration.settings));

  let configuration = link.configuration;
  let { place } = link;
  /** The configuration before the scenario. */
  let before: Configuration | undefined = place && usual;
  let problems: readonly Problem[] = [];
  let fault: string | undefined;
  let running = false;
  let run = createRun(network);
  let ticking: ReturnType<typeof setInterval> | undefined;
  const changes = createChanges();
  const listeners = new Set<Parameters<Session['subscribe']>[0]>();
  const traffic = createTraffic(configuration.rate, () => run.call(configuration.settings.calls));

  const notify = (what: 'state' | 'payments'): void => {
    for (const listener of listeners) listener(what);
  };
  const otherTabs = openTabChannel(() => notify('payments'));
  const queue = createNetworkQueue(network, (error) => {
    if (fault === error) return;
    fault = error;
    notify('state');
  });
  const install = (): void => {
    problems = run.use(configuration.stack, configuration.rivals);
  };
  /** The configuration that `restore` returns to. */
  const base = (): Configuration => (place ? stepOf(place)!.configuration : usual);
  /** Replaces the configuration, and changes what differs. */
  const adopt = (next: Configuration): void => {
    const old = configuration;
    configuration = next;
    if (next.rate !== old.rate) traffic.change(next.rate);
    if (next.stack !== old.stack || next.rivals !== old.rivals) install();
    if (next.settings !== old.settings) queue.change(withoutSeed(next.settings, old.settings.seed));
    notify('state');
  };
  const edit = (next: Configuration, kind: string): void => {
    changes.keep(configuration, kind);
    adopt(next);
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
    get place() {
      return place;
    },
    get isChanged() {
      return !isSame(configuration, base());
    },
    get undoable() {
      return changes.length;
    },
    get fault() {
      return fault;
    },
    get now() {
      return run.clock.now();
    },
    get lateness() {
      return traffic.lateness();
    },
    start() {
      if (running) return;
      running = true;
      run.clock.resume();
      queue.after(() => running && traffic.start());
      ticking = setInterval(() => run.tick(), tickEvery);
      notify('state');
    },
    stop() {
      if (!running) return;
      running = false;
      run.clock.pause();
      traffic.stop();
      clearInterval(ticking);
      notify('state');
    },
    reset() {
      const old = run;
      run = createRun(network);
      if (running) run.clock.resume();
      install();
      old.close().catch(queue.fail);
      traffic.stop();
      queue.change(configuration.settings); // the seed among them restarts the sequences of fates
      queue.after(() => running && traffic.start());
      notify('state');
    },
    configure(wanted) {
      const preset = wanted.preset === undefined ? undefined : presets[wanted.preset];
      const { seed } = configuration.settings;
      const settings = wanted.settings ?? (preset && { ...preset.settings, seed });
      const rate = Math.min(fastest, Math.max(slowest, wanted.rate ?? configuration.rate));
      edit({ ...configuration, ...wanted, ...(settings && { settings }), rate }, Object.keys(wanted).join());
    },
    changeSettings(patch) {
      edit({ ...configuration, settings: change(configuration.settings, patch) }, Object.keys(patch).join());
    },
    undo() {
      const last = changes.take();
      if (last) adopt(last);
    },
    restore() {
      edit(base(), 'restore');
      session.reset();
    },
    open(next) {
      const isReset = next.place !== undefined && startsAgain(next.place, place);
      run.leave();
      if (next.place) before ??= configuration;
      else before = undefined;
      place = next.place;
      changes.clear();
      adopt(next.configuration);
      if (isReset) session.reset();
    },
    leave(keep = false) {
      const next = keep ? configuration : (before ?? usual);
      const { rivals: _, ...alone } = next;
      session.open({ configuration: alone, place: undefined, hasSettings: true, complaints: [] });
    },
    send: (lane, path) => run.send(lane, path),
    load: (lane, path, onBytes) => run.load(lane, path, onBytes),
    state: () => run.state(),
    layers: () => run.layers(),
    calls: () => run.calls(),
    measures: (lane) => run.measures(lane),
    ticks: () => run.ticks(),
    dots: (lane) => run.dots(lane),
    async pay(order, lane) {
      const result = await run.pay(order, lane);
      otherTabs.report();
      notify('payments');
      return result;
    },
    paid: () => run.paid(),
    payments: network.payments,
    async clearPayments() {
      await network.clearPayments();
      otherTabs.report();
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
      Promise.all([queue.idle(), run.close()])
        .then(() => network.close())
        .catch(() => {}); // no listener is left that could show the error
    },
  };

  install();
  if (network.kind === 'server' && !link.hasSettings) {
    const settings = await network.settings(); // those of the command line of `npm start`
    const [preset] = Object.entries(presets).find(([, each]) => isSame(each.settings, settings)) ?? [];
    configuration = { ...configuration, settings, preset: preset ?? configuration.preset };
  } else queue.change(configuration.settings);
  await queue.idle();
  return session;
}
