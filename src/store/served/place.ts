import { createHash } from 'node:crypto';
import { lstatSync, mkdirSync, realpathSync, statSync } from 'node:fs';
import { platform, tmpdir } from 'node:os';
import { join } from 'node:path';

// Where the socket of a database is. Beside its file: whoever can find the one finds the other, also in a container that shares the folder.
// Where that name is too long for a socket, or the file system takes none, in a folder of the user's own among the temporary files, under
// a digest of the real path.

/** `sun_path` holds 108 bytes on Linux and 104 on macOS and the BSDs, with a zero at the end. */
const SOCKET_PATH_BYTES = 103;

/** The user's number; undefined on Windows, which has none. */
const uid = process.getuid?.();

/** The names under which the socket of a database file may be, the first one first; none where there is no such file. */
export function socketPaths(database: string): string[] {
  let path: string;
  try {
    path = realpathSync(database);
  } catch {
    return [];
  }
  const digest = createHash('sha256').update(path).digest('hex').slice(0, 32);
  if (platform() === 'win32') return [`\\\\.\\pipe\\tailspan-${digest}`];
  return [`${path}.sock`, join(privateFolder(), `${digest}.sock`)].filter(
    name => Buffer.byteLength(name) <= SOCKET_PATH_BYTES,
  );
}

function privateFolder(): string {
  return join(tmpdir(), `tailspan-${uid}`);
}

/** Makes the folder of a socket, where it is the one among the temporary files. Throws where others could put something into it. */
export function prepareFolder(socket: string): void {
  if (isBesideDatabase(socket)) return;
  mkdirSync(privateFolder(), { recursive: true, mode: 0o700 });
  if (!isPrivate(privateFolder())) throw new Error(`${privateFolder()} is not a folder of this user alone`);
}

function isBesideDatabase(socket: string): boolean {
  return !socket.startsWith(join(privateFolder(), '/'));
}

function isPrivate(folder: string): boolean {
  const found = lstatSync(folder);
  return found.isDirectory() && found.uid === uid && (found.mode & 0o077) === 0;
}

/**
 * Says whether a socket is one to talk to: of the user's own, or of whoever has the database file. Another user could put one where the
 * folder lets them.
 */
export function isTrusted(socket: string, database: string): boolean {
  if (uid === undefined) return true;
  try {
    const { uid: owner } = statSync(database);
    const found = lstatSync(socket);
    const isOurs = found.isSocket() && (found.uid === uid || found.uid === owner);
    return isOurs && (isBesideDatabase(socket) || isPrivate(privateFolder()));
  } catch {
    return false;
  }
}
