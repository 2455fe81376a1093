/** TypeScript that is compiled to CommonJS: what the types say is what Node gives. */
import kyoa, { createFetch, type KyInstance } from 'kyoa';
import everything = require('kyoa');

const fetch = async (): Promise<Response> => Response.json(['Ada']);
const api: KyInstance = kyoa.create({ fetch });
const other: KyInstance = everything.default;

void api
  .get('https://api.example.com/users')
  .json<string[]>()
  .then(async ([name]) => {
    const { status } = await everything.createFetch({ fetch })('https://api.example.com/users');
    console.log(name, status, everything.createFetch === createFetch, other === kyoa);
    if (other !== kyoa || everything.createFetch !== createFetch) throw new Error('These are not the same');
  });
