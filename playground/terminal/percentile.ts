/** The value that a share `q` of the samples does not exceed (nearest rank); undefined without samples. */
export function percentile(samples: readonly number[], q: number): number | undefined {
  const sorted = samples.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(q * sorted.length) - 1)];
}
