/**
 * Where a test gets a real Redis or HAProxy from: a container where Docker runs, else the program on PATH, else
 * Debian's package where we are root. Nothing of it is needed to run Tickcast itself.
 */
import { execFile } from 'node:child_process';
import { access, constants } from 'node:fs/promises';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Path of a program, looked for on PATH and where Debian keeps servers; undefined when there is none. */
export async function findProgram(name: string): Promise<string | undefined> {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin'];
  for (const folder of folders) {
    if (folder !== '' && (await isThere(join(folder, name), constants.X_OK))) return join(folder, name);
  }
  return undefined;
}

/**
 * Path of a program; installs its Debian package when it is missing and we may.
 * @throws an Error that says what to install
 */
export async function requireProgram(name: string, aptPackage: string): Promise<string> {
  const found = await findProgram(name);
  if (found !== undefined) return found;
  const failure = await installByApt(aptPackage);
  const installed = await findProgram(name);
  if (installed !== undefined) return installed;
  throw new Error(
    `These tests need ${name}, and it was not found: ${failure}. Install it (Debian, Ubuntu: ` +
      `\`sudo apt-get install ${aptPackage}\`; macOS: \`brew install ${name.replace('-server', '')}\`), or start Docker, and run them again.`,
  );
}

/** @returns why it did not work */
async function installByApt(aptPackage: string): Promise<string> {
  if ((await findProgram('apt-get')) === undefined)
    return 'no Docker engine, not on PATH, and no apt-get here';
  if (process.getuid?.() !== 0) return 'no Docker engine, not on PATH, and apt-get needs root';
  // The lock's timeout lets several test workers ask at once: the later ones find it installed.
  const options = ['-y', '-q', '-o', 'DPkg::Lock::Timeout=300', '-o', 'Acquire::Retries=3'];
  const env = {
    ...process.env,
    DEBIAN_FRONTEND: 'noninteractive',
    // The package must not start a server of its own.
    RUNLEVEL: '1',
  };
  try {
    await run('apt-get', ['update', ...options], { env });
    await run('apt-get', ['install', '--no-install-recommends', ...options, aptPackage], { env });
    return 'apt-get installed it, but it is still not on PATH';
  } catch (error) {
    return `no Docker engine, not on PATH, and apt-get failed (${lastLine(error)})`;
  }
}

function lastLine(error: unknown): string {
  return String(error instanceof Error ? error.message : error)
    .trim()
    .split('\n')
    .at(-1) as string;
}

/**
 * Whether a container engine may be there. Without a trace of one the container library need not be loaded, which
 * takes longer than the start of a local server.
 */
export async function mayHaveDocker(): Promise<boolean> {
  if (process.env['DOCKER_HOST'] !== undefined) return true;
  const sockets = [
    '/var/run/docker.sock',
    join(process.env['XDG_RUNTIME_DIR'] ?? '/nowhere', 'docker.sock'),
    join(homedir(), '.docker/run/docker.sock'),
    join(homedir(), '.docker/desktop/docker.sock'),
    join(homedir(), '.testcontainers.properties'),
  ];
  const there = await Promise.all(sockets.map((path) => isThere(path, constants.F_OK)));
  return there.includes(true);
}

async function isThere(path: string, mode: number): Promise<boolean> {
  return access(path, mode).then(
    () => true,
    () => false,
  );
}
