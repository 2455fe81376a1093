/** `fromServiceConfig()`: a document made of one of gRPC. */
import { isJsonObject } from './options-as-json.ts';
import type { PolicyDocument, RouteOptions } from './document.ts';
import type { Json } from './parsed-document.ts';
import { memberPath, PolicyError, type PolicyProblem } from './policy-error.ts';

/** HTTP statuses of the codes, as gRPC's own table of codes has them. */
const statusOf: Readonly<Record<string, number>> = {
  CANCELLED: 499,
  UNKNOWN: 500,
  INVALID_ARGUMENT: 400,
  DEADLINE_EXCEEDED: 504,
  NOT_FOUND: 404,
  ALREADY_EXISTS: 409,
  PERMISSION_DENIED: 403,
  RESOURCE_EXHAUSTED: 429,
  FAILED_PRECONDITION: 400,
  ABORTED: 409,
  OUT_OF_RANGE: 400,
  UNIMPLEMENTED: 501,
  INTERNAL: 500,
  UNAVAILABLE: 503,
  DATA_LOSS: 500,
  UNAUTHENTICATED: 401,
};
const codes = Object.keys(statusOf);

/** gRPC sends at most this many requests per call. */
const mostAttempts = 5;

/**
 * Makes a policy document of a service config of gRPC. Each `methodConfig` becomes a route, `service/method` its path;
 * `retryPolicy` becomes options of `retry`, `hedgingPolicy` of `hedge`, `timeout` the limit of the call, and
 * `retryThrottling` the budget of both. Other members, such as `loadBalancingConfig`, have no counterpart and are left out.
 *
 * @throws {PolicyError} if the config breaks a rule of gRPC, such as `retryPolicy` beside `hedgingPolicy`
 * @example
 * ```ts
 * import { createFetch } from 'kyoa';
 * import { fromServiceConfig, policy } from 'kyoa/policy';
 *
 * const document = fromServiceConfig({
 *   methodConfig: [{ name: [{ service: 'shop.Orders' }], timeout: '5s', retryPolicy: { maxAttempts: 3, initialBackoff: '0.1s', maxBackoff: '1s', backoffMultiplier: 2, retryableStatusCodes: ['UNAVAILABLE'] } }],
 * });
 * const fetch = createFetch({ use: policy(document) });
 * ```
 * @see https://github.com/kyoa/kyoa/blob/main/docs/policy-documents.md#service-configs-of-grpc
 * @see https://github.com/grpc/grpc/blob/master/doc/service_config.md
 */
export function fromServiceConfig(config: unknown): PolicyDocument {
  const reader = new ConfigReader();
  const document = reader.document(config);
  if (reader.problems.length > 0) throw new PolicyError(reader.problems, 'the service config');
  return document;
}

class ConfigReader {
  readonly problems: PolicyProblem[] = [];

  document(config: unknown): PolicyDocument {
    if (!isJsonObject(config)) {
      this.#refuse('', 'is no object');
      return {};
    }
    const { methodConfig = [], retryThrottling } = config;
    if (!Array.isArray(methodConfig)) {
      this.#refuse('methodConfig', 'must be a list');
      return {};
    }
    const budget = retryThrottling === undefined ? {} : { budget: this.#budget(retryThrottling) };
    const routes: Record<string, RouteOptions> = {};
    for (const [index, method] of (methodConfig as unknown[]).entries()) {
      const path = memberPath('methodConfig', index);
      if (!isJsonObject(method)) {
        this.#refuse(path, 'must be an object');
        continue;
      }
      const options = this.#options(method, path);
      for (const pattern of this.#names(method['name'], memberPath(path, 'name'))) {
        if (pattern in routes) this.#refuse(path, `has a name that another one has: ${pattern}`);
        routes[pattern] = options;
      }
    }
    const hedges = Object.values(routes).some(({ hedge }) => hedge !== false);
    return {
      use: [
        { timeout: {} },
        { retry: { retries: 0, methods: ['POST', 'GET', 'PUT', 'DELETE', 'PATCH', 'HEAD', 'OPTIONS'], ...budget } },
        ...(hedges ? [{ hedge: { hedges: 0, methods: ['POST', 'GET', 'HEAD'], ...budget } }] : []),
      ],
      routes,
    };
  }

  /** An empty name is the default of all services. */
  #names(name: unknown, path: string): string[] {
    if (!Array.isArray(name) || name.length === 0) {
      this.#refuse(path, 'must be a list with at least one name, such as [{ "service": "shop.Orders" }]');
      return [];
    }
    return (name as unknown[]).flatMap((given, index) => {
      const { service = '', method = '' } = Object(given) as Json;
      if (
        !isJsonObject(given) ||
        typeof service !== 'string' ||
        typeof method !== 'string' ||
        (method !== '' && service === '')
      ) {
        this.#refuse(
          memberPath(path, index),
          'must be { "service": "shop.Orders", "method": "Get" }, or without method',
        );
        return [];
      }
      return service === '' ? '*' : `/${service}/${method || '*'}`;
    });
  }

  #options(method: Json, path: string): RouteOptions {
    const { timeout, retryPolicy, hedgingPolicy } = method;
    if (retryPolicy !== undefined && hedgingPolicy !== undefined)
      this.#refuse(path, 'has both retryPolicy and hedgingPolicy: gRPC permits one of them');
    return {
      ...(timeout !== undefined && { timeout: { total: this.#duration(timeout, memberPath(path, 'timeout')) } }),
      ...(retryPolicy !== undefined && { retry: this.#retry(retryPolicy, memberPath(path, 'retryPolicy')) }),
      hedge: hedgingPolicy === undefined ? false : this.#hedge(hedgingPolicy, memberPath(path, 'hedgingPolicy')),
    };
  }

  #retry(given: unknown, path: string): Json {
    const { maxAttempts, initialBackoff, maxBackoff, backoffMultiplier, retryableStatusCodes } = Object(given) as Json;
    if (!(Number(backoffMultiplier) > 0)) this.#refuse(memberPath(path, 'backoffMultiplier'), 'must be above 0');
    const base = this.#duration(initialBackoff, memberPath(path, 'initialBackoff'));
    const cap = this.#duration(maxBackoff, memberPath(path, 'maxBackoff'));
    return {
      retries: this.#attempts(maxAttempts, memberPath(path, 'maxAttempts')) - 1,
      backoff: { exponential: [base, cap] },
      statuses: this.#statuses(retryableStatusCodes, memberPath(path, 'retryableStatusCodes'), 1),
    };
  }

  #hedge(given: unknown, path: string): Json {
    const { maxAttempts, hedgingDelay = '0s' } = Object(given) as Json;
    return {
      hedges: this.#attempts(maxAttempts, memberPath(path, 'maxAttempts')) - 1,
      delay: this.#duration(hedgingDelay, memberPath(path, 'hedgingDelay'), 0),
    };
  }

  /** `tokenRatio` tokens come back with each success, and retries stop while half of `maxTokens` is used up. */
  #budget(given: unknown): Json {
    const { maxTokens, tokenRatio } = Object(given) as Json;
    if (!(Number(maxTokens) > 0 && Number(maxTokens) <= 1_000))
      this.#refuse('retryThrottling.maxTokens', 'must be a number above 0 and at most 1000');
    if (!(Number(tokenRatio) > 0)) this.#refuse('retryThrottling.tokenRatio', 'must be a number above 0');
    const window = 10_000;
    return { ratio: Math.min(1, Number(tokenRatio)), floor: Number(maxTokens) / 2 / (window / 1_000), window };
  }

  #attempts(given: unknown, path: string): number {
    if (!Number.isInteger(given) || (given as number) < 2) this.#refuse(path, 'must be a whole number of 2 or more');
    return Math.min(mostAttempts, Number(given));
  }

  #statuses(given: unknown, path: string, least: number): number[] {
    if (!Array.isArray(given) || given.length < least) {
      this.#refuse(path, 'must be a list with at least one code');
      return [];
    }
    return (given as unknown[]).map((code, index) => {
      const name = typeof code === 'number' ? codes[code - 1] : String(code).toUpperCase();
      const status = name === undefined ? undefined : statusOf[name];
      if (status === undefined) this.#refuse(memberPath(path, index), `is no status code of gRPC: ${String(code)}`);
      return status ?? 500;
    });
  }

  /** A duration of Protocol Buffers in JSON, `"1.5s"`, in ms. */
  #duration(given: unknown, path: string, least = 1): number {
    const seconds = /^(\d+(?:\.\d{1,9})?)s$/.exec(String(given))?.[1];
    const ms = Number(seconds) * 1_000;
    if (seconds === undefined || ms < least) this.#refuse(path, 'must be a duration such as "1.5s"');
    return ms;
  }

  #refuse(path: string, message: string): void {
    this.problems.push({ path, message });
  }
}
