/** One request for many callers: whoever leaves harms nobody, and when all have left, it is aborted. */
import { Branch, onAbort, type Source } from '../core/branch.ts';
import { isEventStream } from './body.ts';
import { discard } from './discard.ts';
import { headOf, respondent } from './recorded.ts';
import { sharedBody } from './shared-body.ts';

export interface Flight {
  /**
   * A Response of one's own; `undefined` when the body is too long to share and one should send a request oneself.
   * Rejects with the reason of `caller` as soon as it aborts.
   */
  board(caller: Source, deadline?: number): Promise<Response | undefined>;
}

interface Passenger {
  readonly deadline: number;
  resolve(response: Response | undefined): void;
  reject(error: unknown): void;
}

/** `onOver` is called when nobody can board any more: headers or an error are there, or all have left. */
export function takeOff(
  run: (own: Branch, deadline: () => number) => Promise<Response>,
  longest: number,
  onOver: () => void,
): Flight {
  const work = new Branch();
  const aboard = new Set<Passenger>();

  const leave = (passenger: Passenger, reason: unknown): void => {
    if (!aboard.delete(passenger) || aboard.size > 0) return;
    onOver();
    work.abort(reason);
  };

  const land = (response: Response): void => {
    onOver();
    const [first, ...others] = aboard;
    if (first === undefined) return discard(response);
    if (others.length === 0) return first.resolve(response); // still aboard: to leave is to abort
    if (response.body && canBeShared(response, longest)) return share(response, response.body, first, others);
    disembark(others, response.body ? sendOneself : () => response.clone());
    first.resolve(response);
  };

  const share = (
    response: Response,
    body: NonNullable<Response['body']>,
    first: Passenger,
    others: Passenger[],
  ): void => {
    const cancelled = (): void => leave(first, new DOMException('Cancelled', 'AbortError'));
    const shared = sharedBody(body, longest, cancelled, work.signal);
    const respond = respondent(headOf(response));
    first.resolve(respond(shared.stream));
    shared.whole.then(
      (content) => {
        disembark(others, content === undefined ? sendOneself : () => respond(content));
        if (content !== undefined) aboard.clear(); // there is nothing left to abort
      },
      () => disembark(others, () => respond(shared.again())),
    );
  };

  const disembark = (passengers: readonly Passenger[], response: () => Response | undefined): void => {
    for (const passenger of passengers) {
      if (!aboard.has(passenger)) continue;
      passenger.resolve(response());
      aboard.delete(passenger);
    }
  };

  /** Of whoever can wait longest; nobody is aboard yet when the request is sent off. */
  const latest = (): number =>
    aboard.size === 0 ? Infinity : Math.max(...[...aboard].map(({ deadline }) => deadline));

  run(work, latest)
    .then(land)
    .catch((error: unknown) => {
      onOver();
      for (const passenger of aboard) passenger.reject(error);
    });

  return {
    board: (caller, deadline = Infinity) =>
      new Promise((resolve, reject) => {
        const passenger: Passenger = { deadline, resolve, reject };
        aboard.add(passenger);
        onAbort(caller, (reason) => {
          reject(reason);
          leave(passenger, reason);
        });
      }),
  };
}

const sendOneself = (): undefined => undefined;

function canBeShared(response: Response, longest: number): boolean {
  if (isEventStream(response) || Number(response.headers.get('content-length')) > longest) return false;
  if (response.body?.locked !== false) return false; // read beneath us, or of somebody else's making
  try {
    void new Response(null, response);
    return true;
  } catch {
    return false; // a status above 599, which the platform takes from a wire only
  }
}
