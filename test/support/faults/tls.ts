/** A listener of HTTP/2 over TLS, with a certificate of its own. */
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import type { Server, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer, type TLSSocket } from 'node:tls';

/** `connected` gets the socket, and the one below TLS. */
export async function listenSecurely(connected: (socket: TLSSocket, below: Socket) => void): Promise<Server> {
  const below = new Map<number | undefined, Socket>();
  const listener = createServer({ ...ownCertificate(), ALPNProtocols: ['h2'] }, (socket) => {
    connected(socket, below.get(socket.remotePort)!);
  });
  listener.on('connection', (socket: Socket) => {
    const { remotePort } = socket;
    below.set(remotePort, socket);
    socket.on('close', () => below.delete(remotePort));
  });
  listener.on('tlsClientError', () => {});
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  return listener;
}

export interface Certificate {
  readonly key: Buffer;
  readonly cert: Buffer;
}

let certificate: Certificate | undefined;

/** A key of this process, and a certificate for it, which no client knows. */
export function ownCertificate(): Certificate {
  return (certificate ??= createCertificate('localhost'));
}

/** A new key, and a certificate for it that it has signed itself. It is valid for a day, or has `expired` years ago. */
export function createCertificate(name: string, { expired = false } = {}): Certificate {
  const folder = mkdtempSync(join(tmpdir(), 'kyoa-tls-'));
  const openssl = (...args: readonly string[]): unknown =>
    execFileSync('openssl', args, { cwd: folder, stdio: 'ignore' });
  const extension = `subjectAltName=DNS:${name},IP:127.0.0.1`;
  const kind = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', 'key.pem'];
  const request = ['req', ...kind, '-subj', `/CN=${name}`];
  try {
    if (expired) {
      writeFileSync(join(folder, 'ca.conf'), `${authority}\n${extension}\n`);
      writeFileSync(join(folder, 'index.txt'), '');
      openssl(...request, '-out', 'request.pem');
      const dates = ['-startdate', '20200101000000Z', '-enddate', '20200102000000Z'];
      const files = ['-keyfile', 'key.pem', '-in', 'request.pem', '-out', 'cert.pem', '-outdir', '.'];
      openssl('ca', '-selfsign', '-batch', '-notext', '-config', 'ca.conf', ...dates, ...files);
    } else openssl(...request, '-x509', '-days', '1', '-out', 'cert.pem', '-addext', extension);
    return { key: readFileSync(join(folder, 'key.pem')), cert: readFileSync(join(folder, 'cert.pem')) };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** `openssl req` makes no certificate that has expired. The last section is that of the extensions. */
const authority = `
[ca]
default_ca = own
[own]
database = index.txt
rand_serial = yes
default_md = sha256
policy = any
x509_extensions = extensions
[any]
commonName = supplied
[extensions]`;
