/** `kyoa/policy/sources`: where policy documents come from. */
export { consul } from './consul.ts';
export type { ConsulOptions } from './consul.ts';
export { env } from './env.ts';
export type { EnvOptions } from './env.ts';
export { etcd } from './etcd.ts';
export type { EtcdOptions } from './etcd.ts';
export { file } from './file.ts';
export type { PolicyFileOptions } from './file.ts';
export { nacos } from './nacos.ts';
export type { NacosOptions } from './nacos.ts';
export type { SourceFetch } from './http-client.ts';
export { url } from './url.ts';
export type { UrlOptions } from './url.ts';
