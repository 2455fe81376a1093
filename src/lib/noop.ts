/** For a promise whose rejection is handled elsewhere, and for an action that has nothing left to do. */
export function noop(): void {}
