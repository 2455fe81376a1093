/** Every wait has a platform timer of its own. */
import { afterUnref, type Timer } from '../../../src/core/engine/timers.ts';

export * from '../../../src/core/engine/timers.ts';
