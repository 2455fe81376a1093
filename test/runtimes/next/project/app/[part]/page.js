import { connection } from 'next/server';

import { outcomesOf } from '../../checks.js';

// Next takes the default export.
// oxlint-disable-next-line import/no-default-export
export default async function Page({ params }) {
  await connection();
  const { part } = await params;
  const outcomes = await outcomesOf(part, JSON.parse(process.env.KYOA_OPTIONS));
  return <pre>{`outcomes:${encodeURIComponent(JSON.stringify(outcomes)).replaceAll("'", '%27')}:`}</pre>;
}
