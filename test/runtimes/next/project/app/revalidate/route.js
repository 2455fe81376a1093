import { revalidateTag } from 'next/cache';

export async function POST() {
  revalidateTag('users', { expire: 0 });
  return new Response('done');
}
