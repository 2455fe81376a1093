/** The content of an element: the exhibit of a policy, which runs and is drawn while it is on the screen. */
import { readPalette } from '../page/palette.ts';
import { exhibits } from './exhibits.ts';
import { createFrame } from './frame.ts';
import { openSimulation } from './simulation.ts';

export interface Stage {
  /** Whether the element is on the screen. It runs only then. */
  readonly show: (isVisible: boolean) => void;
  /** Reads the colours again. */
  readonly repaint: () => void;
  /** Ends every timer, call and observer, and removes the content. */
  readonly close: () => void;
}

/** Figures that change more often are not readable, ms. */
const TICK = 250;
/** With reduced motion, the picture moves in steps, ms. */
const STEP = 1_000;

/** `playground` is the address of the playground. */
export function openStage(root: ShadowRoot, policy: string, playground: URL): Stage {
  const make = exhibits[policy];
  if (make === undefined) {
    throw new Error(`<kyoa-live policy="${policy}">: the policy must be one of ${Object.keys(exhibits).join(', ')}`);
  }
  const exhibit = make();
  const still = matchMedia('(prefers-reduced-motion: reduce)');
  const frame = createFrame(root, exhibit, {
    playground,
    changed(knob, value) {
      simulation.set(knob, value);
      frame.link(simulation.link());
    },
    pressed() {
      isWanted = !isWanted;
      frame.showRun(isWanted);
      run();
    },
  });
  const simulation = openSimulation(exhibit, frame.say);
  let isWanted = !still.matches;
  let isVisible = false;
  let isRunning = false;
  let animation = 0;
  let ticked = -Infinity;
  let painted = -Infinity;

  readPalette(root);
  frame.fit();
  frame.showRun(isWanted);
  frame.link(simulation.link());

  function run(): void {
    if (isRunning === (isWanted && isVisible)) return;
    isRunning = !isRunning;
    if (isRunning) {
      frame.clear();
      simulation.start();
      animation = requestAnimationFrame(draw);
    } else {
      simulation.stop();
      cancelAnimationFrame(animation);
    }
  }

  function draw(time: number): void {
    animation = requestAnimationFrame(draw);
    if (time - ticked >= TICK) {
      ticked = time;
      for (const lane of simulation.lanes) lane.refresh();
      frame.tick(simulation.lanes, exhibit.with.text?.());
    }
    if (time - painted < (still.matches ? STEP : 0)) return;
    painted = time;
    frame.paint(simulation.lanes, simulation.bands());
  }

  return {
    show(visible) {
      isVisible = visible;
      run();
    },
    repaint() {
      readPalette(root);
      frame.paint(simulation.lanes, simulation.bands());
    },
    close() {
      isWanted = false;
      run();
      simulation.close();
      frame.close();
    },
  };
}
