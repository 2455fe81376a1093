/** Which item each call of the traffic asks for, and the options of all calls. */
import { byRequest } from 'kyoa';
import type { Settings, Stack } from './types.ts';

/** Multiples of these are spread evenly, independent of each other, and the same in every visit. */
const [golden, silver] = [0.618_033_988_749_895, 0.414_213_562_373_095];

/** The path of the n-th call, from 0. The hot items have low numbers, of which the first are more popular. */
export function pathOf(n: number, { hot, items }: Settings['calls']): string {
  const [isHot, rank] = [(n * golden) % 1 < hot, (n * silver) % 1];
  return isHot ? `items?id=hot-${Math.floor(rank * rank * items) + 1}` : `items?id=${n}`;
}

/**
 * The middleware of the page, which counts between the layers, adds no identity to a request. Only with a key of their own
 * do `dedupe` and `staleIfError` accept it.
 */
export function keysFor(stack: Stack): RequestInit {
  const isOwn = stack.some(({ policy, options }) => policy === 'staleIfError' && options['key'] === 'byRoute');
  return { dedupe: { key: byRequest }, ...(!isOwn && { staleIfError: { key: byRequest } }) } as RequestInit;
}
