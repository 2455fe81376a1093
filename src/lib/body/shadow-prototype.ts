/**
 * Members of our own between an object and its class: it stays the very object it was. For Responses, which lose `url`,
 * `redirected` and `type` when they are wrapped in another.
 */
export function shadowPrototype<T extends object>(members: (base: T) => PropertyDescriptorMap): (object: T) => T {
  /** One for each class: a platform's bridge, or a DOM in JavaScript, may put another in the place of the platform's. */
  const prototypes = new WeakMap<object, object>();

  return (object) => {
    const base = Object.getPrototypeOf(object) as T;
    let prototype = prototypes.get(base);
    if (prototype === undefined) {
      const all = members(base);
      // As the platform's own are: ky, for one, puts a `json` of its own on a response.
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
