/** A certificate for servers on this machine, made on the spot, which is its own authority. */
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { requireProgram } from './tool.js';

export interface TlsFiles {
  /** PEM files. */
  readonly cert: string;
  readonly key: string;
  /** What `cert` holds. */
  readonly pem: string;
  remove(): Promise<void>;
}

/** @param names what it is made out to, as `DNS:localhost` or `IP:127.0.0.1` */
export async function makeTlsFiles(names = 'IP:127.0.0.1,DNS:localhost'): Promise<TlsFiles> {
  const openssl = await requireProgram('openssl', 'openssl');
  const folder = await mkdtemp(join(tmpdir(), 'tickcast-tls-'));
  const [cert, key] = [join(folder, 'cert.pem'), join(folder, 'key.pem')];
  await promisify(execFile)(openssl, [
    ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'],
    ...['-subj', '/CN=tickcast-test', '-addext', `subjectAltName=${names}`, '-keyout', key, '-out', cert],
  ]);
  return {
    cert,
    key,
    pem: await readFile(cert, 'utf8'),
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}
