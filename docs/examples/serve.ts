/** The process around service.ts: its settings come from the environment, and SIGTERM ends it when its work is done. */
import { start } from './service.ts';

const { PORT: port = '8080', REDIS_URL: redisUrl = 'redis://127.0.0.1', PAYMENT_URL: paymentUrl = '' } = process.env;
const service = await start({ port: Number(port), redisUrl, paymentUrl, log: () => {} });

process.once('SIGTERM', () => {
  setTimeout(() => process.exit(1), 25_000).unref(); // Kubernetes sends SIGKILL after 30 s
  void service.stop(); // then nothing is open any more, and the process ends
});
