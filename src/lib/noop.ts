/** For a promise whose rejection is handled elsewhere. */
export function noop(): void {}
