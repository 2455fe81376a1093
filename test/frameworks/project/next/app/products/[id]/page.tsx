import { Suspense } from 'react';

import { catalog } from '../../../catalog';

interface Props {
  readonly params: Promise<{ id: string }>;
}

/** Next keeps the response for an hour; a retry, if there is one, goes to the network. */
async function Product({ params }: Props) {
  const { id } = await params;
  const product = await catalog
    .get<{ name: string }>(`products/${encodeURIComponent(id)}`, { next: { revalidate: 3_600, tags: ['products'] } })
    .json();
  return <h1>{product.name}</h1>;
}

export default function Page(props: Props) {
  return (
    <Suspense fallback="Loading ...">
      <Product {...props} />
    </Suspense>
  );
}
