/** The part of the types of Cloudflare Workers that the examples use. An app has all of them from `wrangler types`. */
declare module 'cloudflare:workers' {
  /** The bindings of the Worker. */
  export const env: Readonly<Record<string, DurableObjectNamespace<never>>>;

  export function waitUntil(work: Promise<unknown>): void;

  export interface SqlStorage {
    exec(statement: string, ...values: readonly unknown[]): { toArray(): Record<string, unknown>[] };
  }

  export class DurableObject {
    readonly ctx: { readonly storage: { readonly sql: SqlStorage } };
    constructor(ctx: DurableObject['ctx'], env: unknown);
  }

  /** A stub has the methods of its object. */
  export interface DurableObjectNamespace<Stub> {
    idFromName(name: string): object;
    get(id: object): Stub;
  }
}
