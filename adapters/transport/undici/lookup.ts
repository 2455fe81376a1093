/** Remembers what the system's resolver said: it is asked once a host and time, however many connections are opened. */
import { lookup as ask, type LookupAddress, type LookupOptions } from 'node:dns';

type Answered = (error: NodeJS.ErrnoException | null, address: string | LookupAddress[], family?: number) => void;
export type Lookup = (hostname: string, options: LookupOptions, answered: Answered) => void;

interface Entry {
  readonly addresses: Promise<LookupAddress[]>;
  readonly expires: number;
}

/** More hosts than that, and the one that was asked for first is asked for again. */
const mostHosts = 1_000;

/** Answers are kept for `ttl` ms, failures not at all. */
export function cachedLookup(ttl: number): Lookup {
  const entries = new Map<string, Entry>();

  const find = (hostname: string, options: LookupOptions): Promise<LookupAddress[]> => {
    const key = `${hostname} ${options.family ?? 0} ${options.hints ?? 0}`;
    const known = entries.get(key);
    if (known !== undefined && known.expires > performance.now()) return known.addresses;
    const addresses = new Promise<LookupAddress[]>((resolve, reject) => {
      ask(hostname, { ...options, all: true }, (error, found) => (error ? reject(error) : resolve(found)));
    });
    addresses.catch(() => entries.delete(key));
    entries.delete(key);
    entries.set(key, { addresses, expires: performance.now() + ttl });
    if (entries.size > mostHosts) entries.delete(entries.keys().next().value!);
    return addresses;
  };

  return (hostname, options, answered) => {
    find(hostname, options).then(
      (addresses) => {
        if (options.all === true) answered(null, addresses);
        else answered(null, addresses[0]!.address, addresses[0]!.family);
      },
      (error: NodeJS.ErrnoException) => answered(error, ''),
    );
  };
}
