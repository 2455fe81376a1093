import kyoa from 'kyoa';
import { notFound } from 'next/navigation';
import { Suspense } from 'react';

const api = kyoa.create({ baseUrl: 'https://jsonplaceholder.typicode.com/' });

interface Props {
  readonly params: Promise<{ id: string }>;
}

async function User({ params }: Props) {
  const { id } = await params;
  const options = { throwHttpErrors: (status: number) => status !== 404 };
  const response = await api.get<{ name: string }>(`users/${encodeURIComponent(id)}`, options);
  if (response.status === 404) notFound();
  const user = await response.json();
  return <h1>{user.name}</h1>;
}

export default function Page(props: Props) {
  return (
    <Suspense fallback="Loading ...">
      <User {...props} />
    </Suspense>
  );
}
