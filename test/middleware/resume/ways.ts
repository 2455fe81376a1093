/** The transports over which bodies break off, and the ways to read a body. */
import { undici } from '../../../adapters/transport/undici/undici.ts';
import {
  constant,
  resume,
  type KyoaEvent,
  type KyoaFetch,
  type Middleware,
  type ResumeOptions,
} from '../../../src/index.ts';
import { watched } from '../../support/call.ts';
import { cuttingServer, type CuttingOptions, type CuttingServer } from '../../support/cutting.ts';
import { ownCertificate } from '../../support/faults/tls.ts';

export interface Way {
  readonly name: string;
  readonly version: 1 | 2;
  readonly isUndici: boolean;
}

export const ways: readonly Way[] = [
  { name: 'the global fetch', version: 1, isUndici: false },
  { name: 'undici() over HTTP/1.1', version: 1, isUndici: true },
  { name: 'undici() over HTTP/2', version: 2, isUndici: true },
];

export interface Scene extends AsyncDisposable {
  readonly server: CuttingServer;
  readonly url: string;
  /** Through `resume` without pauses, unless there are other middleware. */
  readonly fetch: KyoaFetch;
  readonly events: readonly KyoaEvent[];
  /** The events of the policy as text: `continued 100`. */
  readonly decisions: () => string[];
  through(...use: readonly Middleware[]): KyoaFetch;
}

/** `resume` without pauses. */
export function atOnce(options: ResumeOptions = {}): Middleware {
  return resume({ backoff: constant(0), ...options });
}

/** At its end no connection is left open. */
export async function scene(way: Way, file: Uint8Array, options: CuttingOptions = {}): Promise<Scene> {
  const server = await cuttingServer(file, { version: way.version, ...options });
  const transport = way.isUndici ? undici({ tls: { ca: ownCertificate().cert } }) : undefined;
  const events: KyoaEvent[] = [];
  const through = (...use: readonly Middleware[]): KyoaFetch => {
    const call = watched(use, transport);
    call.events.push = (...more) => events.push(...more);
    return call.fetch;
  };
  return {
    server,
    url: server.url,
    events,
    fetch: through(atOnce()),
    through,
    decisions: () =>
      events.flatMap((event) =>
        event.type === 'resume.abandoned'
          ? `abandoned ${event.reason} ${event.offset}`
          : event.type === 'resume.continued' || event.type === 'resume.restarted'
            ? `${event.type.slice(7)} ${event.offset}`
            : [],
      ),
    async [Symbol.asyncDispose]() {
      if (transport) {
        await transport.close();
        await server.idle();
      }
      await server[Symbol.asyncDispose]();
    },
  };
}

/** The bytes of a body, read as a stream. */
export async function drain(response: Response): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of response.body!) chunks.push(chunk);
  return Buffer.concat(chunks);
}
