/** Secrets of a document: references in place of values. */
import { isJsonObject } from './options-as-json.ts';
import type { Json } from './parsed-document.ts';

/** Reads a variable of the environment. */
export type ReadEnv = (name: string) => string | undefined;

/** The value of a member with such a name is most likely a secret. */
const secretName = /(token|secret|password|passwd|passphrase|credentials?|authorization|cookie|api[-_]?key)$/i;

export class Secrets {
  readonly #readEnv: ReadEnv;
  readonly #references: Json;
  /** The values that have been read. They must not appear in a message. */
  readonly #values = new Set<string>();
  /** How many references have been replaced. */
  reads = 0;

  constructor(readEnv: ReadEnv, references: Json) {
    this.#readEnv = readEnv;
    this.#references = references;
  }

  /** The value with each reference replaced. `refuse` receives what is wrong. */
  resolve(name: string, value: unknown, refuse: (message: string) => void): unknown {
    if (typeof value === 'string' && secretName.test(name)) {
      refuse('looks like a secret: write { "env": "NAME_OF_A_VARIABLE" } in its place');
      return value;
    }
    if (Array.isArray(value)) return value.map((member) => this.resolve('', member, refuse));
    if (!isJsonObject(value)) return value;
    const [[kind, target] = [], ...others] = Object.entries(value);
    if (others.length === 0 && typeof target === 'string' && (kind === 'env' || kind === 'secret'))
      return this.#read(kind, target, refuse);
    return Object.fromEntries(
      Object.entries(value).map(([name, member]) => [name, this.resolve(name, member, refuse)]),
    );
  }

  #read(kind: 'env' | 'secret', target: string, refuse: (message: string) => void): string {
    const reference = Object.hasOwn(this.#references, target) ? this.#references[target] : undefined;
    const variable = kind === 'env' ? target : (reference as { env?: string } | undefined)?.env;
    if (variable === undefined) refuse(`refers to the secret ${target}, which is not among "secrets"`);
    const value = variable === undefined ? undefined : this.#readEnv(variable);
    if (variable !== undefined && value === undefined)
      refuse(`refers to ${variable}, which is not set in the environment`);
    this.reads += 1;
    if (value) this.#values.add(value);
    return value ?? '';
  }

  /** The text without the values that have been read, as they are and as JSON has them. */
  hide(text: string): string {
    let hidden = text;
    for (const value of this.#values)
      hidden = hidden.replaceAll(value, '…').replaceAll(JSON.stringify(value).slice(1, -1), '…');
    return hidden;
  }
}

/** The environment of Node, Deno and Bun, where the platform has one. */
export const platformEnv: ReadEnv = (name) => {
  const { process: host } = globalThis as { readonly process?: { readonly env?: Readonly<Record<string, string>> } };
  return host?.env?.[name];
};
