/** State and members of ours on an object that we did not create. */

/**
 * State of ours on such an object, invisible to other code. It does what a WeakMap does. But a WeakMap keeps its keys and
 * values alive until the next full collection, even if they die young: with WeakMaps a call through `standard()` leaves 410
 * bytes in the old space, with private fields 110 (Node 24, as `test/survivors.test.ts` counts).
 */
export interface PrivateState<State> {
  get(target: object): State | undefined;
  set(target: object, state: State): void;
}

/** A constructor that returns the given object instead of a new one. */
const Target = function (target: object) {
  return target;
} as unknown as new (target: object) => object;

export function privateState<State>(): PrivateState<State> {
  // A class adds its private fields to the object that its parent's constructor returns, here to the target.
  class Attachment extends Target {
    #state: State;

    constructor(target: object, state: State) {
      super(target);
      this.#state = state;
    }

    static set(target: object, state: State): void {
      if (#state in target) target.#state = state;
      else void new Attachment(target, state);
    }

    static get(target: object): State | undefined {
      return #state in target ? target.#state : undefined;
    }
  }
  return Attachment;
}

/**
 * Members of ours between an object and its class. The object keeps its identity. A Response needs this, because a
 * Response that is wrapped in another loses its `url`, `redirected` and `type`. A member of ours reads the one that it
 * shadows with `Reflect.get(base, name, this)`.
 */
export function shadowPrototype<T extends object>(members: (base: T) => PropertyDescriptorMap): (object: T) => T {
  /** One for each class: a server framework, or a DOM in JavaScript, may bring a Response class of its own. */
  const prototypes = new WeakMap<object, object>();

  return (object) => {
    const base = Object.getPrototypeOf(object) as T;
    let prototype = prototypes.get(base);
    if (prototype === undefined) {
      const all = members(base);
      // Like the members of the platform's classes: ky, for one, assigns a `json` of its own to a response.
      for (const member of Object.values(all)) {
        member.configurable = true;
        member.enumerable = true;
        if ('value' in member) member.writable = true;
      }
      prototype = Object.create(base, all) as object;
      prototypes.set(base, prototype);
    }
    return Object.setPrototypeOf(object, prototype) as T;
  };
}
