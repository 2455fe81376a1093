import kyoa from 'kyoa';

const api = kyoa.create({ baseUrl: 'https://jsonplaceholder.typicode.com/' });

export default async function Page({ params }: { params: Promise<{ id: string }> }) {
  const { id } = await params;
  const user = await api.get(`users/${encodeURIComponent(id)}`).json<{ name: string }>();
  return <h1>{user.name}</h1>;
}
