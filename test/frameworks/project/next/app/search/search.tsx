'use client';

import kyoa, { latest, standard } from 'kyoa';
import { useState } from 'react';

// A module of a page: one client for all components of the tab.
const api = kyoa.create({ use: [latest({ key: () => 'search' }), ...standard()] });

export function Search() {
  const [name, setName] = useState('');
  const search = async (id: string) => {
    const url = new URL(`/api/products/${encodeURIComponent(id)}`, location.href);
    const product = await api
      .get<{ name: string }>(url)
      .json()
      .catch((error: Error) => {
        if (error.name !== 'AbortError') throw error; // a later search has replaced this one
      });
    if (product !== undefined) setName(product.name);
  };
  return (
    <>
      <input onChange={(event) => void search(event.target.value)} />
      <p>{name}</p>
    </>
  );
}
