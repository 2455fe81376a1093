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
