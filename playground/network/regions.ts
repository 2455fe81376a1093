/** The regions of the API. The first segment of a path names the region; a path without one goes to the first region. */
export const regions = ['eu', 'us', 'ap'] as const;

export type Region = (typeof regions)[number];
