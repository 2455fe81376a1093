/**
 * What a command line selects. `--shapes=GET,POST of JSON` names shapes, `--only=kyoa` is a pattern for the names of
 * contenders, `--processes=9` repeats all with so many new processes, and `--smoke` asks for a short run.
 * `--v8=--no-allocation-site-pretenuring` gives the processes of the contenders a flag; with this one, V8 does not allocate
 * the objects of a call in the old space, which it otherwise starts to do in one process and not in the next.
 */
import { parseArgs } from 'node:util';
import type { Contender } from './client.ts';
import { installed, type Versions } from './report.ts';
import { shapeNames, type ShapeName } from './shapes.ts';
import type { Plan } from './turns.ts';

export interface Selection {
  readonly smoke: boolean;
  readonly shapes: readonly ShapeName[];
  readonly only: RegExp;
  readonly processes: number | undefined;
  readonly execArgv: readonly string[];
  /** All contenders and all shapes: a run whose figures are kept. */
  readonly isWhole: boolean;
}

export function selection(defaults: readonly ShapeName[] = shapeNames): Selection {
  const { smoke, shapes, only, processes, v8 } = parseArgs({
    options: {
      smoke: { type: 'boolean', default: false },
      shapes: { type: 'string' },
      only: { type: 'string' },
      processes: { type: 'string' },
      v8: { type: 'string' },
    },
  }).values;
  const unknown = shapes?.split(',').find((name) => !isShape(name));
  if (unknown !== undefined) throw new Error(`--shapes: no shape "${unknown}". There are: ${shapeNames.join(', ')}`);
  return {
    smoke,
    shapes: shapes?.split(',').filter(isShape) ?? defaults,
    only: new RegExp(only ?? ''),
    processes: processes === undefined ? undefined : Number(processes),
    execArgv: v8?.split(' ') ?? [],
    isWhole: !smoke && shapes === undefined && only === undefined && v8 === undefined,
  };
}

/** The shapes in which each selected contender is measured. Those in `always` are, so that there are ratios. */
export function planOf(
  contenders: Readonly<Record<string, Contender>>,
  versions: Versions,
  { smoke, shapes, only, isWhole }: Selection,
  always: readonly string[],
): Plan {
  const selected = installed(contenders, versions)
    .filter(([name]) => always.includes(name) || only.test(name))
    .filter(([name, { main }]) => !smoke || always.includes(name) || main)
    .map(([name, { main, without = [] }]): [string, ShapeName[]] => [
      name,
      shapes.filter((shape) => !without.includes(shape) && (main || !isWhole || shape === 'GET')),
    ]);
  return Object.fromEntries(selected.filter(([, shapes]) => shapes.length > 0));
}

function isShape(name: string): name is ShapeName {
  return shapeNames.includes(name as ShapeName);
}
