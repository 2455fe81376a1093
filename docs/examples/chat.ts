/** Reads a chat completion word by word, from the API of OpenAI or from a server that has the same one. */
import type { Kyoa } from 'kyoa';
import { events } from 'kyoa/events';

interface Chunk {
  readonly choices?: readonly { readonly delta: { readonly content?: string | null } }[];
  /** What went wrong after the headers. */
  readonly error?: { readonly message: string };
}

export async function* chat(api: Kyoa, model: string, prompt: string, signal?: AbortSignal): AsyncGenerator<string> {
  const json = { model, stream: true, messages: [{ role: 'user', content: prompt }] };
  // A model may think for long before its first word, and between two words.
  const timeout = { total: 120_000, headers: 120_000, idle: 60_000 };
  const response = await api.post('chat/completions', { json, timeout, ...(signal && { signal }) });

  for await (const { data } of events(response)) {
    if (data === '[DONE]') return;
    const { choices, error } = JSON.parse(data) as Chunk;
    if (error !== undefined) throw new Error(error.message);
    yield choices?.[0]?.delta.content ?? '';
  }
  throw new Error('The stream has ended before [DONE]');
}
