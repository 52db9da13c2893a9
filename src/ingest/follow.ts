import { type FSWatcher, fstatSync, type Stats, watch } from 'node:fs';
import { type FileHandle, open, stat } from 'node:fs/promises';
import { Socket } from 'node:net';
import { dirname } from 'node:path';
import { TEXT_FORMATS } from '../formats/index.ts';
import type { ColumnMap } from '../formats/rows/columns.ts';
import { isCompressed } from './compression.ts';
import { GrowingText, type Patience, type Piece } from './follow-text.ts';
import { isPlainText } from './head.ts';
import { chunksOf, explain } from './source.ts';
import { Wake } from './wake.ts';

// Files that are written to while they are read. A file is known by its inode, not by its name: one that is renamed is read to
// its end, and then the one that has taken its name from the beginning. One that has become shorter was emptied (`copytruncate`),
// and is read from its beginning, too. A file may be missing at any time; it is waited for.
//
// Files are looked at again and again. The system's notices (fs.watch) only make that happen sooner: on network mounts there are
// none.

/** Bytes that are read of one file before the others have their turn. */
const TURN_BYTES = 4 << 20;
const READ_BYTES = 1 << 18;
const STDIN = 0;
/** As many of the first bytes tell what a file is. */
const HEAD_BYTES = 1 << 16;
/** How far back the beginning of the last line is looked for. */
const LINE_BYTES = 1 << 20;
/** As many bytes before the place up to which a file was read tell that it is still the same one. */
const PRINT_BYTES = 64;
/** A record of text has ended when nothing followed it for so long, or when so much time has passed since it came. */
const QUIET_MS = 150;
const LONGEST_MS = 600;
/** A document to which nothing was added for so long is read as it is. */
const STUCK_MS = 5_000;
/** A file that has lost its name is read on until nothing was added for so long: programs keep files open for a while. */
const RETIRED_MS = 10_000;
const MAX_RETIRED = 4;
/** Formats whose first line says what the others are. */
const TABLES: ReadonlySet<string> = new Set(['csv-spans', 'row-arrays']);
/** What is held of one document; beyond, it is read in parts. */
const MAX_HELD = 64 << 20;

/** Something that befell a file, as a clause behind its name. */
export interface FollowNotice {
  readonly name: string;
  readonly message: string;
}

/** A file that cannot be followed. */
export interface FollowProblem extends FollowNotice {
  readonly hint: string;
}

export interface FollowOptions {
  /** Begins with what the files hold already; else with what is added to them. */
  readonly fromStart: boolean;
  readonly columnMap?: ColumnMap | undefined;
  /** Milliseconds of any clock that does not go back. */
  readonly monotonicMs: () => number;
  readonly onNotice: (notice: FollowNotice) => Promise<void>;
  /** Is told of a file that is given up. */
  readonly onProblem: (problem: FollowProblem) => Promise<void>;
}

/** A piece and what it is of. */
export interface FollowedPiece extends Piece {
  readonly name: string;
}

/** Something that is followed. */
interface Followed {
  /** Finds out where it begins: what is added from now on is read. */
  begin(): Promise<void>;
  /** Reads what has come, up to a bound; returns what is whole of it. */
  poll(): Promise<Piece[]>;
  /** Returns all that is held, whole or not. */
  rest(): Piece[];
  /** There was more than a turn takes. */
  readonly hasMore: boolean;
  /** Nothing more can come. */
  readonly isEnded: boolean;
  close(): Promise<void>;
}

/** Follows files, and stdin where a name is `-`. */
export class Follower {
  readonly #followed: readonly (readonly [name: string, followed: Followed])[];
  readonly #watchers: FSWatcher[] = [];
  readonly #wake = new Wake();

  private constructor(names: readonly string[], options: FollowOptions) {
    const wake = () => this.#wake.call();
    this.#followed = [...new Set(names)].map(
      name => [name, name === '-' ? new FollowedPipe(options, wake) : new FollowedFile(name, options)] as const,
    );
    for (const folder of new Set(names.filter(name => name !== '-').map(name => dirname(name)))) this.#watch(folder);
  }

  /** Begins to follow: nothing is missed that is added once it has resolved. */
  static async start(names: readonly string[], options: FollowOptions): Promise<Follower> {
    const follower = new Follower(names, options);
    for (const [, followed] of follower.#followed) await followed.begin();
    return follower;
  }

  /** Notices are a help; where there are none, because of the system, the mount or a limit, time does it. */
  #watch(folder: string): void {
    try {
      const watcher = watch(folder, { persistent: false }, () => this.#wake.call());
      watcher.on('error', () => watcher.close());
      this.#watchers.push(watcher);
    } catch {
      return;
    }
  }

  /** Reads what was added to each file since, up to a bound; returns what is whole of it, in order within each file. */
  async poll(): Promise<FollowedPiece[]> {
    const pieces: FollowedPiece[] = [];
    for (const [name, followed] of this.#followed) {
      for (const piece of await followed.poll()) pieces.push({ ...piece, name });
      if (followed.hasMore) this.#wake.call();
    }
    return pieces;
  }

  /** Returns what is held, whole or not; for the end. */
  rest(): FollowedPiece[] {
    return this.#followed.flatMap(([name, followed]) => followed.rest().map(piece => ({ ...piece, name })));
  }

  /** Nothing more can come of any of them. */
  get isEnded(): boolean {
    return this.#followed.every(([, followed]) => followed.isEnded);
  }

  /** Resolves when there may be more, after so many milliseconds at the latest, and when the signal is given. */
  wait(longestMs: number, signal: AbortSignal): Promise<void> {
    return this.#wake.wait(longestMs, signal);
  }

  async close(): Promise<void> {
    for (const watcher of this.#watchers) watcher.close();
    for (const [, followed] of this.#followed) await followed.close();
  }
}

/** A text whose records end by time. */
class TimedText {
  readonly #text: GrowingText;
  readonly #now: () => number;
  /** Since when something waits to be taken. */
  #heldSince: number | undefined;
  lastGrowth: number;
  /** Records go over many lines, each of which may be a document. */
  isOfLines = false;

  constructor(offset: number, now: () => number) {
    this.#text = new GrowingText(offset);
    this.#now = now;
    this.lastGrowth = now();
  }

  push(bytes: Uint8Array): void {
    this.#text.push(bytes);
    this.lastGrowth = this.#now();
    this.#heldSince ??= this.lastGrowth;
  }

  get held(): number {
    return this.#text.length;
  }

  /** Hands over what is whole by now. */
  take(): Piece[] {
    return this.#take(this.#patience());
  }

  takeAll(): Piece[] {
    return this.#take('all');
  }

  #patience(): Patience {
    const quiet = this.#now() - this.lastGrowth;
    if (quiet >= STUCK_MS || this.#text.length > MAX_HELD) return 'open';
    const held = this.#heldSince === undefined ? 0 : this.#now() - this.#heldSince;
    if (quiet >= QUIET_MS || held >= LONGEST_MS) return 'lines';
    return this.isOfLines ? 'nothing' : 'documents';
  }

  #take(patience: Patience): Piece[] {
    const piece = this.#text.take(patience) ?? (this.#text.length > 2 * MAX_HELD ? this.#text.take('all') : undefined);
    if (piece === undefined) return [];
    this.#heldSince = this.#text.length === 0 ? undefined : this.#now();
    return [piece];
  }
}

/** One file as it was opened, whatever it is called by now. */
class OpenFile {
  readonly #handle: FileHandle;
  readonly #now: () => number;
  readonly inode: string;
  readonly #buffer: Buffer;
  #position: number;
  #text: TimedText;
  #heading: Uint8Array | undefined;
  /** The last bytes before `#position`. */
  #print: Buffer = Buffer.alloc(0);
  #size = 0;
  #modified = 0;
  hasMore = false;

  private constructor(handle: FileHandle, inode: string, position: number, buffer: Buffer, now: () => number) {
    this.#handle = handle;
    this.inode = inode;
    this.#position = position;
    this.#buffer = buffer;
    this.#now = now;
    this.#text = new TimedText(position, now);
  }

  static async open(path: string, fromStart: boolean, buffer: Buffer, now: () => number): Promise<OpenFile> {
    const handle = await open(path);
    try {
      const found = await handle.stat();
      const position = fromStart ? 0 : await lineStart(handle, found.size);
      const file = new OpenFile(handle, inodeOf(found), position, buffer, now);
      file.#print = await file.#readPrint();
      return file;
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  /** Milliseconds since something was added. */
  get quietMs(): number {
    return this.#now() - this.#text.lastGrowth;
  }

  get size(): number {
    return this.#size;
  }

  /** The first bytes of the file. */
  async head(): Promise<Uint8Array> {
    const buffer = Buffer.alloc(HEAD_BYTES);
    const { bytesRead } = await this.#handle.read(buffer, 0, HEAD_BYTES, 0);
    return buffer.subarray(0, bytesRead);
  }

  /** Says whether the file was emptied, and written anew perhaps, since it was last looked at; then it is read from its beginning. */
  async wasEmptied(): Promise<boolean> {
    const { size, mtimeMs } = await this.#handle.stat();
    const isChanged = size !== this.#size || mtimeMs !== this.#modified;
    this.#size = size;
    this.#modified = mtimeMs;
    if (size >= this.#position && !(isChanged && (await this.#readPrint()).compare(this.#print) !== 0)) return false;
    return true;
  }

  /** Begins anew at the beginning; returns what was held. */
  beginAnew(): Piece[] {
    const rest = this.takeAll();
    this.#heading = undefined;
    this.#position = 0;
    this.#print = Buffer.alloc(0);
    this.#text = new TimedText(0, this.#now);
    return rest;
  }

  async #readPrint(): Promise<Buffer> {
    const length = Math.min(PRINT_BYTES, this.#position);
    const buffer = Buffer.alloc(length);
    const { bytesRead } = await this.#handle.read(buffer, 0, length, this.#position - length);
    return buffer.subarray(0, bytesRead);
  }

  /** Reads what was added, up to a bound. */
  async read(): Promise<void> {
    this.hasMore = false;
    let read = 0;
    for (;;) {
      const { bytesRead } = await this.#handle.read(this.#buffer, 0, READ_BYTES, this.#position);
      if (bytesRead === 0) break;
      const bytes = this.#buffer.subarray(0, bytesRead);
      this.#text.push(bytes);
      this.#position += bytesRead;
      this.#print = Buffer.concat([this.#print, bytes.subarray(-PRINT_BYTES)]).subarray(-PRINT_BYTES);
      read += bytesRead;
      if (read >= TURN_BYTES) {
        this.hasMore = true;
        break;
      }
    }
  }

  /** Says what is in the file: records of many lines, or a table below a heading, without which its rows say nothing. */
  describe(isOfLines: boolean, heading: Uint8Array | undefined): void {
    this.#text.isOfLines = isOfLines;
    this.#heading = heading;
  }

  /** Hands over what is whole by now. */
  take(): Piece[] {
    return this.#headed(this.#text.take());
  }

  takeAll(): Piece[] {
    return this.#headed(this.#text.takeAll());
  }

  /** Puts the heading above rows that stand further down. */
  #headed(pieces: readonly Piece[]): Piece[] {
    const heading = this.#heading;
    if (heading === undefined) return [...pieces];
    return pieces.map(({ bytes, offset }) =>
      offset === 0 ? { bytes, offset } : { bytes: Buffer.concat([heading, bytes]), offset: offset - heading.length },
    );
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }
}

/** Where the last line begins that has no end yet: it is being written. */
async function lineStart(handle: FileHandle, size: number): Promise<number> {
  const length = Math.min(size, LINE_BYTES);
  const buffer = Buffer.alloc(length);
  const { bytesRead } = await handle.read(buffer, 0, length, size - length);
  const end = buffer.lastIndexOf('\n', bytesRead - 1);
  if (end >= 0) return size - length + end + 1;
  return length === size ? 0 : size;
}

/** The device belongs to it: numbers of inodes are of one device. */
function inodeOf({ dev, ino }: Stats): string {
  return `${dev}:${ino}`;
}

/** A path, and the file that has it at the time. */
class FollowedFile implements Followed {
  readonly #path: string;
  readonly #options: FollowOptions;
  readonly #buffer = Buffer.allocUnsafe(READ_BYTES);
  #file: OpenFile | undefined;
  /** Files that had the path before. */
  #retired: OpenFile[] = [];
  #isFirst = true;
  #isMissing = false;
  #isGivenUp = false;
  /** Whether the file in hand was looked at. */
  #isKnown = false;

  constructor(path: string, options: FollowOptions) {
    this.#path = path;
    this.#options = options;
  }

  get hasMore(): boolean {
    return this.#file?.hasMore === true || this.#retired.some(({ hasMore }) => hasMore);
  }

  get isEnded(): boolean {
    return this.#isGivenUp;
  }

  async begin(): Promise<void> {
    await this.#guarded(() => this.#find());
  }

  async poll(): Promise<Piece[]> {
    if (this.#isGivenUp) return [];
    const pieces = await this.#pollRetired();
    await this.#guarded(async () => {
      await this.#find();
      const file = this.#file;
      if (file === undefined) return;
      if (await file.wasEmptied()) {
        await this.#notice('was emptied; it is read from its beginning');
        pieces.push(...file.beginAnew());
        this.#isKnown = false;
      }
      await file.read();
      if (!this.#isKnown && file.size > 0 && !(await this.#recognise(file))) return;
      pieces.push(...file.take());
    });
    return pieces;
  }

  /** Does something to the file, which may go at any moment. */
  async #guarded(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      // It went between two looks, or on a network mount from under the hands.
      if (isMissing(error)) await this.#lose();
      else await this.#giveUp(explain(error).message, 'check the path, and who may read it');
    }
  }

  /** Sees to it that the file in hand is the one that has the path. */
  async #find(): Promise<void> {
    const found = await this.#look();
    if (found === undefined || this.#file?.inode === inodeOf(found)) return;
    if (this.#file !== undefined) {
      await this.#notice('was replaced; the new file is read from its beginning');
      this.#retire(this.#file);
    }
    await this.#open(found);
  }

  /** Lets go of a file that is not there any more; the next look says what is. */
  async #lose(): Promise<void> {
    await this.#file?.close().catch(() => {});
    this.#file = undefined;
  }

  /** What has the path now; undefined where nothing has. */
  async #look(): Promise<Stats | undefined> {
    try {
      const found = await stat(this.#path);
      if (this.#isMissing) await this.#notice('is there now');
      this.#isMissing = false;
      return found;
    } catch (error) {
      if (!isMissing(error)) throw error;
      if (!this.#isMissing) {
        await this.#notice(
          this.#isFirst ? 'does not exist yet; it is waited for' : 'is gone; what comes in its place is waited for',
        );
      }
      this.#isMissing = true;
      this.#isFirst = false;
      if (this.#file !== undefined) this.#retire(this.#file);
      return undefined;
    }
  }

  async #open(found: Stats): Promise<void> {
    if (found.isDirectory()) return this.#giveUp('is a folder', 'name the files in it');
    if (!found.isFile()) {
      return this.#giveUp('is no file that grows', `pipe it in: tailspan tail - < ${this.#path}`);
    }
    // What was not there at first is new from its beginning on.
    const fromStart = this.#options.fromStart || !this.#isFirst;
    this.#isFirst = false;
    this.#isKnown = false;
    this.#file = await OpenFile.open(this.#path, fromStart, this.#buffer, this.#options.monotonicMs);
  }

  /** Looks at the beginning of a file; false where it is nothing that can be followed. */
  async #recognise(file: OpenFile): Promise<boolean> {
    this.#isKnown = true;
    const head = await file.head();
    if (isCompressed(head)) {
      await this.#giveUp('is compressed: only text can be followed', `tailspan summary ${this.#path}`);
      return false;
    }
    if (!isPlainText(head)) {
      await this.#giveUp('is no text: only lines of text can be followed', `tailspan summary ${this.#path}`);
      return false;
    }
    const text = Buffer.from(head).toString('utf8');
    const lines = text.split(/\r?\n/);
    const format = TEXT_FORMATS.find(known => known.sniff(lines, false, this.#options.columnMap));
    const headingEnd = head.indexOf(10) + 1;
    // What the first line says is known when it is whole.
    if (headingEnd === 0 && head.length < HEAD_BYTES) this.#isKnown = false;
    const isTable = format !== undefined && TABLES.has(format.name);
    file.describe(format !== undefined, isTable ? head.slice(0, headingEnd) : undefined);
    return true;
  }

  #retire(file: OpenFile): void {
    this.#retired.push(file);
    this.#file = undefined;
  }

  async #pollRetired(): Promise<Piece[]> {
    const pieces: Piece[] = [];
    const kept: OpenFile[] = [];
    for (const [index, file] of this.#retired.entries()) {
      await file.read();
      pieces.push(...file.take());
      if (file.hasMore || (file.quietMs < RETIRED_MS && this.#retired.length - index <= MAX_RETIRED)) kept.push(file);
      else {
        pieces.push(...file.takeAll());
        await file.close();
      }
    }
    this.#retired = kept;
    return pieces;
  }

  rest(): Piece[] {
    const files = [...this.#retired, ...(this.#file === undefined ? [] : [this.#file])];
    return files.flatMap(file => file.takeAll());
  }

  async #notice(message: string): Promise<void> {
    await this.#options.onNotice({ name: this.#path, message });
  }

  async #giveUp(message: string, hint: string): Promise<void> {
    this.#isGivenUp = true;
    await this.close();
    await this.#options.onProblem({ name: this.#path, message, hint });
  }

  async close(): Promise<void> {
    for (const file of this.#retired) await file.close();
    await this.#file?.close();
    this.#retired = [];
    this.#file = undefined;
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && ['ENOENT', 'ENOTDIR', 'ESTALE'].includes(String(error.code));
}

/** stdin, which is read until it ends. */
class FollowedPipe implements Followed {
  readonly hasMore = false;
  readonly #text: TimedText;
  readonly #options: FollowOptions;
  readonly #onNews: () => void;
  readonly #socket = isPipe() ? new Socket({ fd: STDIN, readable: true }) : undefined;
  /** Lets reading go on. */
  #goOn: (() => void) | undefined;
  #isRead = false;

  constructor(options: FollowOptions, onNews: () => void) {
    this.#text = new TimedText(0, options.monotonicMs);
    this.#options = options;
    this.#onNews = onNews;
    this.#read();
  }

  async #read(): Promise<void> {
    // A read of a pipe that nobody writes to cannot be broken off, but a socket can be closed.
    const chunks = this.#socket ?? chunksOf({ name: '-', path: undefined, bytes: undefined });
    try {
      for await (const chunk of chunks) {
        this.#text.push(chunk);
        this.#onNews();
        if (this.#text.held < TURN_BYTES) continue;
        await new Promise<void>(resolve => {
          this.#goOn = resolve;
        });
      }
    } catch (error) {
      if (this.#isRead) return;
      await this.#options.onProblem({ name: 'stdin', message: explain(error).message, hint: 'see what is piped in' });
    }
    this.#isRead = true;
    this.#onNews();
  }

  /** Reading has begun. */
  async begin(): Promise<void> {}

  get isEnded(): boolean {
    return this.#isRead && this.#text.held === 0;
  }

  async poll(): Promise<Piece[]> {
    const pieces = this.#isRead ? this.#text.takeAll() : this.#text.take();
    this.#goOn?.();
    this.#goOn = undefined;
    return pieces;
  }

  rest(): Piece[] {
    return this.#text.takeAll();
  }

  async close(): Promise<void> {
    this.#isRead = true;
    this.#socket?.destroy();
  }
}

function isPipe(): boolean {
  const stdin = fstatSync(STDIN);
  return stdin.isFIFO() || stdin.isSocket();
}
