/** Calls with a secret in each place that can hold one: the request, the response and the error. */
import { TimeoutError } from '../../src/index.ts';

export interface Fault {
  readonly call: readonly [url: string, init?: RequestInit];
  /** What the transport returns or throws. */
  readonly respond: () => Response;
}

type Plant = (secret: string) => Fault;

const plain = 'http://api.example/users?page=2';

const headers = ['authorization', 'proxy-authorization', 'cookie', 'x-api-key', 'x-auth-token', 'x-session'];
const parameters = [
  'token',
  'access_token',
  'api_key',
  'apikey',
  'key',
  'sig',
  'signature',
  'password',
  'client_secret',
];
const awsParameters = ['X-Amz-Signature', 'X-Amz-Security-Token', 'AWSAccessKeyId', 'X-Goog-Signature', 'pet_name'];

const inHeader = (name: string): Plant => {
  return (secret) => ({ call: [plain, { headers: { [name]: `Bearer ${secret}` } }], respond: ok });
};

const inQuery = (name: string): Plant => {
  return (secret) => ({ call: [`http://api.example/?a=1&${name}=${secret}&b=2`], respond: ok });
};

/** The messages of libraries that fail. */
const inMessage = (message: (secret: string) => string): Plant => {
  return (secret) => ({ call: [plain], respond: () => fail(new TypeError(message(secret))) });
};

const messages: readonly ((secret: string) => string)[] = [
  (secret) => `cannot reach http://jane:${secret}@api.example/`,
  (secret) => `cannot reach "http://${secret}@api.example/x"`,
  (secret) => `proxy at https://proxy.example/?token=${secret} refused`,
  (secret) => `redirected to http://api.example/cb#access_token=${secret}`,
  (secret) => `Headers.append: "Bearer ${secret}\n" is an invalid header value.`,
  (secret) => `request failed: { authorization: 'Bearer ${secret}', a: 1 }`,
  (secret) => `bad header: Cookie: a=1; sid=${secret}`,
  (secret) => `Set-Cookie: ${secret}`,
  (secret) => `x-api-key: ${secret}`,
  (secret) => `{"password":"${secret}","user":"jane"}`,
  (secret) => `redis://default:${secret}@10.0.0.1:6379 is down`,
];

export const faults: readonly Plant[] = [
  ...headers.map(inHeader),
  ...[...parameters, ...awsParameters].map(inQuery),
  ...messages.map(inMessage),
  (secret) => ({
    call: [`http://api.example/?to=${encodeURIComponent(`https://x.example/?token=${secret}`)}`],
    respond: ok,
  }),
  (secret) => ({ call: [`http://api.example/#token=${secret}`], respond: ok }),
  (secret) => ({ call: [`data:text/plain,${secret}`], respond: ok }),
  (secret) => ({ call: [plain, { method: 'POST', body: JSON.stringify({ password: secret }) }], respond: ok }),
  (secret) => ({ call: [plain], respond: () => new Response(secret) }),
  (secret) => ({ call: [plain], respond: () => new Response(null, { headers: { 'set-cookie': `sid=${secret}` } }) }),
  (secret) => ({
    call: [plain],
    respond: () => {
      const cause = new Error(`GET https://jane:${secret}@api.example/`, { cause: `https://x.example/?sig=${secret}` });
      return fail(new TypeError('fetch failed', { cause }));
    },
  }),
  (secret) => ({
    call: [plain],
    respond: () => {
      const request = new Request(`http://api.example/?api_key=${secret}`);
      return fail(new TimeoutError({ phase: 'headers', limit: 5, elapsed: 5 }, { request }));
    },
  }),
];

function ok(): Response {
  return new Response('fine');
}

function fail(error: Error): never {
  throw error;
}
