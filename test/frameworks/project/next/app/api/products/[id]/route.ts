import { catalog } from '../../../../catalog';

/** A route handler. `request.signal` aborts when the client goes away. */
export async function GET(request: Request, { params }: { params: Promise<{ id: string }> }) {
  const { id } = await params;
  const authorization = request.headers.get('authorization');
  const product = await catalog
    .get(`products/${encodeURIComponent(id)}`, {
      signal: request.signal,
      ...(authorization && { headers: { authorization } }),
    })
    .json();
  return Response.json(product);
}
