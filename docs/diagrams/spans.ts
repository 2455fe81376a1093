/** Short names for the lanes and spans of the stories. */
import type { Lane, Span } from './timeline.ts';

export const lane = (name: string, ...spans: Span[]): Lane => ({ name, spans });
export const good = (from: number, to: number, text = '200'): Span => ({ from, to, end: 'good', text });
export const bad = (from: number, to: number, text = '503'): Span => ({ from, to, end: 'bad', text });
export const aborted = (from: number, to: number, text = 'aborted'): Span => ({ from, to, end: 'aborted', text });
export const waiting = (from: number, to: number): Span => ({ from, to, doing: 'waiting' });
export const refusing = (from: number, to: number): Span => ({ from, to, doing: 'refusing' });
