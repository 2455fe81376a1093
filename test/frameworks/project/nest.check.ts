import { contract } from './contract.ts';
import { nestApp } from './nest.ts';

contract('Nest', async (service) => {
  const app = await nestApp(service);
  await app.listen(0, '127.0.0.1');
  return { url: (await app.getUrl()).replace('[::1]', '127.0.0.1'), stop: () => app.close() };
});
