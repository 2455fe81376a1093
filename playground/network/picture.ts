/**
 * `GET /api/picture/<number>`: a picture that is long enough to break on its way. It is a portable pixmap (`P6`), whose rows
 * can be shown as they arrive. It has a strong ETag, and the server sends ranges of it (RFC 9110 §14).
 */
import { mulberry32 } from './random.ts';
import type { Reply } from './reply.ts';

export const pictureSize = { width: 240, height: 150 } as const;

/** The bytes before the first row. */
export const pictureHead = `P6\n${pictureSize.width} ${pictureSize.height}\n255\n`;

export interface Range {
  /** The `Range` header. Only `bytes=N-` is understood; the whole is sent for any other. */
  readonly range: string | undefined;
  /** The `If-Range` header: the range is sent only if it is the ETag of the picture. */
  readonly ifRange: string | undefined;
}

export function picture(number: string, { range, ifRange }: Range): Reply {
  const whole = paint(Number(number) || 0);
  const etag = `"picture-${number}"`;
  const headers = { 'accept-ranges': 'bytes', 'content-type': 'image/x-portable-pixmap', etag };
  const [, first] = /^bytes=(\d+)-$/.exec(range ?? '') ?? [];
  if (first === undefined || (ifRange !== undefined && ifRange !== etag)) {
    return { status: 200, headers, bytes: whole, whole: whole.length };
  }
  const start = Number(first);
  if (start >= whole.length) return { status: 416, headers: { 'content-range': `bytes */${whole.length}` } };
  const contentRange = `bytes ${start}-${whole.length - 1}/${whole.length}`;
  return {
    status: 206,
    headers: { ...headers, 'content-range': contentRange },
    bytes: whole.subarray(start),
    whole: whole.length,
  };
}

type Colour = readonly [red: number, green: number, blue: number];

/** Hills in the evening: a sky, a sun, and six ridges of which the near ones are darker. */
function paint(number: number): Uint8Array<ArrayBuffer> {
  const random = mulberry32(number);
  const { width, height } = pictureSize;
  const head = new TextEncoder().encode(pictureHead);
  const bytes = new Uint8Array(head.length + width * height * 3);
  bytes.set(head);

  const warmth = random();
  const zenith: Colour = [38 + 30 * warmth, 52, 118 - 20 * warmth];
  const horizon: Colour = [255, 178 - 30 * warmth, 112 + 20 * warmth];
  const sun = { x: (0.25 + 0.5 * random()) * width, y: 0.42 * height, radius: 0.085 * height };
  const ridges = Array.from({ length: 6 }, (_, depth) => ridge(depth / 5, random));

  for (let y = 0, at = head.length; y < height; y += 1) {
    for (let x = 0; x < width; x += 1, at += 3) {
      let colour = blend(zenith, horizon, (y / height / 0.62) ** 1.4);
      const distance = Math.hypot(x - sun.x, y - sun.y);
      colour = blend(colour, [255, 236, 190], 0.75 * Math.exp(-Math.max(0, distance - sun.radius) / (0.16 * height)));
      if (distance < sun.radius) colour = [255, 247, 226];
      for (const { top, shade } of ridges)
        if (y > top(x / width) * height) colour = blend(horizon, [22, 30, 48], shade);
      bytes.set(colour, at);
    }
  }
  return bytes;
}

/** A line of hills: three waves. `near` is 0 for the farthest. */
function ridge(near: number, random: () => number): { top: (x: number) => number; shade: number } {
  const waves = [2, 5, 11].map((frequency) => ({
    frequency: frequency * (0.8 + 0.5 * random()),
    phase: 2 * Math.PI * random(),
    height: (0.055 + 0.02 * near) / Math.sqrt(frequency),
  }));
  const base = 0.5 + 0.4 * near;
  const top = (x: number): number =>
    waves.reduce(
      (y, { frequency, phase, height }) => y + height * Math.sin(2 * Math.PI * frequency * x * 0.5 + phase),
      base,
    );
  return { top, shade: 0.3 + 0.68 * near };
}

function blend(from: Colour, to: Colour, share: number): Colour {
  const part = Math.min(1, Math.max(0, share));
  return [0, 1, 2].map((i) => from[i as 0] + (to[i as 0] - from[i as 0]) * part) as unknown as Colour;
}
