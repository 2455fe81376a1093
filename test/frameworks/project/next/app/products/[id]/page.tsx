import { catalog } from '../../../catalog';

interface Product {
  readonly name: string;
}

/** A server component. Next keeps the response for an hour; a retry, if there is one, goes to the network. */
export default async function Page({ params }: { params: Promise<{ id: string }> }) {
  const { id } = await params;
  const product = await catalog
    .get<Product>(`products/${encodeURIComponent(id)}`, { next: { revalidate: 3_600, tags: ['products'] } })
    .json();
  return <h1>{product.name}</h1>;
}
