import kyoa from 'kyoa';
import { Suspense } from 'react';

const api = kyoa.create({ baseUrl: 'https://jsonplaceholder.typicode.com/' });

interface Props {
  readonly params: Promise<{ id: string }>;
}

async function User({ params }: Props) {
  const { id } = await params;
  const user = await api.get(`users/${encodeURIComponent(id)}`).json<{ name: string }>();
  return <h1>{user.name}</h1>;
}

export default function Page(props: Props) {
  return (
    <Suspense fallback="Loading ...">
      <User {...props} />
    </Suspense>
  );
}
