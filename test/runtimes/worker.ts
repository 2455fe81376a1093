/** The checks inside a Worker, during one request. `workers.ts` bundles this file. */
import { recorded, type Outcome } from './outcomes.ts';
import { smoke, type SmokeOptions } from './smoke.ts';

async function respond(request: Request): Promise<Response> {
  const outcomes: Outcome[] = [];
  const { origin, without } = (await request.json()) as SmokeOptions;
  await smoke(
    recorded((outcome) => outcomes.push(outcome)),
    { origin, without },
  );
  return Response.json(outcomes);
}

// oxlint-disable-next-line import/no-default-export -- workerd takes the default export.
export default { fetch: respond };
