/** The members of an init that the Fetch Standard defines. */

/** The members that have a default, with the default (Fetch Standard, Request class). */
export const defaults: Readonly<Record<string, unknown>> = {
  mode: 'cors',
  credentials: 'same-origin',
  cache: 'default',
  redirect: 'follow',
  integrity: '',
  keepalive: false,
};

/** The members of the Fetch Standard's RequestInit, except the signal and `priority`, which the transport takes. */
export const requestMembers: ReadonlySet<string> = /* @__PURE__ */ new Set([
  'method',
  'headers',
  'body',
  'referrer',
  'referrerPolicy',
  'window',
  'duplex',
  ...Object.keys(defaults),
]);

/** The same init, or a copy for a loop, which lists no members that a class has as getters. */
export function listed<Init extends object>(init: Init): Init {
  if (Object.getPrototypeOf(init) === Object.prototype) return init;
  const members = {} as Record<string, unknown>;
  for (const name in init) members[name] = init[name];
  for (const name of requestMembers) if (!(name in members) && name in init) members[name] = init[name as keyof Init];
  return members as Init;
}
