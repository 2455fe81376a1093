/** What `require('kyoa')` gives in Node: the client, and each export as a member. */
const assert = require('node:assert/strict');

const kyoa = require('kyoa');
const { createFetch, default: client, standard } = require('kyoa');

const fetch = async () => Response.json(['Ada']);

async function main() {
  assert.deepEqual(await kyoa.get('https://api.example.com/users', { fetch }).json(), ['Ada']);
  assert.deepEqual(await kyoa.create({ fetch })('https://api.example.com/users').json(), ['Ada']);
  assert.equal((await createFetch({ use: standard(), fetch })('https://api.example.com/users')).status, 200);
  assert.equal(client, (await import('kyoa')).default);
  assert.equal(typeof require('kyoa/file').file, 'function');
}

void main().then(() => console.log('the client and its members'));
