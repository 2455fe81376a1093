import { defined, invalid } from '../../../src/core/options.ts';

type Certificate = string | Uint8Array | readonly (string | Uint8Array)[];

/**
 * Options of Node's `tls.connect`. The usual ones are named here; every other one is passed on.
 *
 * @see https://github.com/kyoa/kyoa/blob/main/docs/transports.md#options
 */
export interface TlsOptions {
  readonly ca?: Certificate | undefined;
  readonly cert?: Certificate | undefined;
  readonly key?: Certificate | undefined;
  readonly passphrase?: string | undefined;
  readonly rejectUnauthorized?: boolean | undefined;
  readonly servername?: string | undefined;
  readonly minVersion?: string | undefined;
  readonly [option: string]: unknown;
}

/** Without the members that are undefined, which Node would put in place of its defaults. */
export function tlsOf(name: string, given: TlsOptions): TlsOptions {
  if (typeof given === 'object' && given !== null) return defined(given);
  throw invalid(`${name} tls`, given, 'an object with options of tls.connect');
}
