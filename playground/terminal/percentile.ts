/** The percentile `q` (0..1) of the samples by nearest rank; `undefined` without samples. */
export function percentile(samples: readonly number[], q: number): number | undefined {
  const sorted = samples.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(q * sorted.length) - 1)];
}
