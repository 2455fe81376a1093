/** The regions of the API, by the first segment of a path; a path without one goes to the first. */
export const regions = ['eu', 'us', 'ap'] as const;

export type Region = (typeof regions)[number];
