/** Counts what the scripts of a page have begun and not ended. */

export interface Pending {
  readonly timers: number;
  /** Requested animation frames. */
  readonly frames: number;
  readonly observers: number;
  /** Listeners of the window, the document and media queries. */
  readonly listeners: number;
}

/** A method whose object is given with each call. */
type Method = (...args: never[]) => unknown;

/** Read it with `page.evaluate(pending)`. */
export function pending(): Pending {
  return (globalThis as unknown as { pending: () => Pending }).pending();
}

/** Starts the count: `page.addInitScript(countPending)`. */
export function countPending(): void {
  const timers = new Set<unknown>();
  const frames = new Set<unknown>();
  const observers = new Set<unknown>();
  let listeners = 0;
  Object.assign(globalThis, {
    pending: (): Pending => ({
      timers: timers.size,
      frames: frames.size,
      observers: observers.size,
      listeners,
    }),
  });

  const start = window.setTimeout.bind(window);
  const stop = window.clearTimeout.bind(window);
  const request = window.requestAnimationFrame.bind(window);
  const cancel = window.cancelAnimationFrame.bind(window);
  Object.assign(window, {
    setTimeout(callback: (...args: unknown[]) => void, delay?: number, ...args: unknown[]) {
      const id = start(() => {
        timers.delete(id);
        callback(...args);
      }, delay);
      timers.add(id);
      return id;
    },
    clearTimeout(id: number) {
      timers.delete(id);
      stop(id);
    },
    requestAnimationFrame(callback: FrameRequestCallback) {
      const id = request((time) => {
        frames.delete(id);
        callback(time);
      });
      frames.add(id);
      return id;
    },
    cancelAnimationFrame(id: number) {
      frames.delete(id);
      cancel(id);
    },
  });

  for (const { prototype } of [IntersectionObserver, MutationObserver, ResizeObserver]) {
    const { observe, disconnect } = prototype as unknown as Record<'observe' | 'disconnect', Method>;
    Object.assign(prototype, {
      observe(this: unknown, ...args: unknown[]) {
        observers.add(this);
        Reflect.apply(observe, this, args);
      },
      disconnect(this: unknown) {
        observers.delete(this);
        Reflect.apply(disconnect, this, []);
      },
    });
  }

  const { addEventListener: add, removeEventListener: remove } = EventTarget.prototype as unknown as Record<
    'addEventListener' | 'removeEventListener',
    Method
  >;
  const isCounted = (target: unknown): boolean =>
    target === window || target === document || target instanceof MediaQueryList;
  Object.assign(EventTarget.prototype, {
    addEventListener(this: EventTarget, ...args: Parameters<EventTarget['addEventListener']>) {
      const [, , options] = args;
      if (isCounted(this)) {
        listeners += 1;
        const signal = typeof options === 'object' ? options.signal : undefined;
        if (signal) Reflect.apply(add, signal, ['abort', () => (listeners -= 1)]);
      }
      Reflect.apply(add, this, args);
    },
    removeEventListener(this: EventTarget, ...args: Parameters<EventTarget['removeEventListener']>) {
      if (isCounted(this)) listeners -= 1;
      Reflect.apply(remove, this, args);
    },
  });
}
