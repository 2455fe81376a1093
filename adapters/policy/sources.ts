/** `kyoa/policy/sources`: where policy documents come from. */
export { consul, type ConsulOptions } from './consul.ts';
export { env, type EnvOptions } from './env.ts';
export { etcd, type EtcdOptions } from './etcd.ts';
export { file, type PolicyFileOptions } from './file.ts';
export { nacos, type NacosOptions } from './nacos.ts';
export { type SourceFetch } from './server.ts';
export { url, type UrlOptions } from './url.ts';
