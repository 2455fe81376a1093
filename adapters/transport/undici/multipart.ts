/** `multipart/form-data` (RFC 7578, as the HTML Standard encodes it), with its length known before it is sent. */

export interface MultipartBody {
  readonly length: number;
  open(): AsyncIterable<Uint8Array>;
}

export function encodeMultipart(form: FormData, boundary: string): MultipartBody {
  const parts: (Uint8Array | Blob)[] = [];
  for (const [name, value] of form) {
    const disposition = `--${boundary}\r\nContent-Disposition: form-data; name="${escape(normalizeNewlines(name))}"`;
    if (typeof value === 'string') {
      parts.push(Buffer.from(`${disposition}\r\n\r\n${normalizeNewlines(value)}\r\n`));
    } else {
      const type = value.type || 'application/octet-stream';
      parts.push(Buffer.from(`${disposition}; filename="${escape(value.name)}"\r\nContent-Type: ${type}\r\n\r\n`));
      parts.push(value, Buffer.from('\r\n'));
    }
  }
  parts.push(Buffer.from(`--${boundary}--\r\n`));

  async function* open(): AsyncIterable<Uint8Array> {
    for (const part of parts) {
      if (part instanceof Blob) yield* part.stream();
      else yield part;
    }
  }
  const length = parts.reduce((sum, part) => sum + (part instanceof Blob ? part.size : part.length), 0);
  return { length, open };
}

function escape(text: string): string {
  return text.replace(/\n/g, '%0A').replace(/\r/g, '%0D').replace(/"/g, '%22');
}

function normalizeNewlines(text: string): string {
  return text.replace(/\r?\n|\r/g, '\r\n');
}
