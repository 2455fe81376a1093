/** Caches the addresses of the system's resolver, which is queried once per host and period for all connections. */
import { lookup as resolve, type LookupAddress, type LookupOptions } from 'node:dns';

type LookupCallback = (error: NodeJS.ErrnoException | null, address: string | LookupAddress[], family?: number) => void;

/** The `lookup` option of Node's sockets. */
export type Lookup = (hostname: string, options: LookupOptions, callback: LookupCallback) => void;

interface Entry {
  readonly addresses: Promise<LookupAddress[]>;
  readonly expires: number;
}

/** Beyond this number the oldest host is dropped. */
const maxHosts = 1_000;

/** `ttl` in ms. Failures are not cached. */
export function cachedLookup(ttl: number): Lookup {
  const entries = new Map<string, Entry>();

  const find = (hostname: string, options: LookupOptions): Promise<LookupAddress[]> => {
    const key = `${hostname} ${options.family ?? 0} ${options.hints ?? 0}`;
    const known = entries.get(key);
    if (known !== undefined && known.expires > performance.now()) return known.addresses;
    const addresses = new Promise<LookupAddress[]>((fulfil, reject) => {
      resolve(hostname, { ...options, all: true }, (error, found) => (error ? reject(error) : fulfil(found)));
    });
    addresses.catch(() => entries.delete(key));
    entries.delete(key);
    entries.set(key, { addresses, expires: performance.now() + ttl });
    if (entries.size > maxHosts) entries.delete(entries.keys().next().value!);
    return addresses;
  };

  return (hostname, options, callback) => {
    find(hostname, options).then(
      (addresses) => {
        if (options.all === true) callback(null, addresses);
        else callback(null, addresses[0]!.address, addresses[0]!.family);
      },
      (error: NodeJS.ErrnoException) => callback(error, ''),
    );
  };
}
